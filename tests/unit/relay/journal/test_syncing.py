"""When an answer's last bytes wait for the disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.relay.journal.journal import Journal
from services.relay.journal.syncing import Interval, Syncing
from tests.unit.relay.journal.made_journals import completed, died, open_journal


@asynccontextmanager
async def syncing(root: Path, interval: Interval) -> AsyncIterator[tuple[Journal, Syncing]]:
    directory, journal = open_journal(root, segment_bytes=1024 * 1024)
    made = Syncing(journal, interval)
    task = asyncio.create_task(made.run())
    try:
        yield journal, made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        died(directory, journal)


async def test_always_waits_for_what_was_appended_and_shares_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    async with syncing(tmp_path, "always") as (journal, made):
        waits = []
        for number in range(20):
            journal.complete(completed(at=number))
            waits.append(asyncio.create_task(made.durable()))
        assert journal.unsynced_bytes > 0
        await asyncio.wait_for(asyncio.gather(*waits), 5)
        assert journal.unsynced_bytes == 0
        assert 1 <= len(syncs) <= 2


async def test_an_interval_syncs_in_the_background_and_nobody_waits(tmp_path: Path) -> None:
    async with syncing(tmp_path, 10) as (journal, made):
        journal.complete(completed())
        await made.durable()
        assert journal.unsynced_bytes > 0
        async with asyncio.timeout(5):
            while journal.unsynced_bytes:
                await asyncio.sleep(0.005)


async def test_never_leaves_it_to_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    async with syncing(tmp_path, "never") as (journal, made):
        journal.complete(completed())
        await made.durable()
        await asyncio.sleep(0.05)
        assert syncs == []
