"""When an answer's last bytes wait for the disk."""

import asyncio
import errno
import os
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
        assert 1 <= len(syncs) <= 2 + 1, "one more is the empty segment's"


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
        syncs.clear()  # the first segment's, before anything was in it
        journal.complete(completed())
        await made.durable()
        await asyncio.sleep(0.05)
        assert syncs == []


async def test_a_sync_that_fails_is_told_to_all_who_wait_and_to_all_who_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel forgets what it could not write: a second try would say that all is well."""
    directory, journal = open_journal(tmp_path, segment_bytes=1024 * 1024)
    made = Syncing(journal, "always")
    task = asyncio.create_task(made.run())

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr("os.fdatasync", broken)
        journal.complete(completed())
        waits = [asyncio.create_task(made.durable()) for _ in range(3)]
        outcomes = await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 5)
        with pytest.raises(OSError, match="Input/output"):
            await asyncio.wait_for(task, 5)
    assert [type(outcome) for outcome in outcomes] == [OSError] * 3
    assert journal.unsynced_bytes > 0
    with pytest.raises(OSError, match="Input/output"):
        await made.durable()
    died(directory, journal)


async def test_an_interval_that_cannot_sync_ends_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its background tasks end the process; what it completed is still published from memory."""
    directory, journal = open_journal(tmp_path, segment_bytes=1024 * 1024)

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.fdatasync", broken)
    journal.complete(completed())
    with pytest.raises(OSError, match="Input/output"):
        await asyncio.wait_for(Syncing(journal, 1).run(), 5)
    assert len(journal.take().completions) == 1
    died(directory, journal)
