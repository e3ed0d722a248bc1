"""A full disk refuses new requests, and never the completion of one that was admitted."""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.relay.journal.journal import Journal, JournalFullError
from shared.events.event import MAX_EVENT_BYTES
from tests.unit.relay.journal.made_journals import (
    LARGE_SEGMENT_BYTES,
    SEGMENT_BYTES,
    completed,
    died,
    found,
    new_id,
    open_journal,
    publish_all,
)


def admit_until_full(journal: Journal, *, skeleton: bytes = b"s" * 700) -> list[bytes]:
    admitted: list[bytes] = []
    for _ in range(10_000):
        request_id = new_id()
        try:
            journal.admit(request_id, skeleton)
        except JournalFullError:
            return admitted
        admitted.append(request_id)
    raise AssertionError("the journal never was full")


def no_space(*_args: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("segments", [2, 3, 8])
def test_a_full_journal_takes_the_largest_completion_of_all_it_admitted(
    tmp_path: Path, segments: int
) -> None:
    directory, journal = open_journal(
        tmp_path, segments=segments, segment_bytes=8 * MAX_EVENT_BYTES
    )
    admitted = admit_until_full(journal)
    assert len(admitted) > segments
    files = journal.used_bytes
    for request_id in admitted:
        journal.complete(completed(request_id, size=MAX_EVENT_BYTES - 2))
    assert journal.used_bytes == files, "more disk was taken than was set aside"
    died(directory, journal)
    scanned = found(tmp_path)
    assert [record.request_id for record in scanned.unpublished] == admitted
    assert scanned.interrupted == {}


def test_a_refused_admission_leaves_nothing(tmp_path: Path) -> None:
    directory, journal = open_journal(tmp_path, segments=2)
    admitted = admit_until_full(journal)
    assert journal.in_flight == len(admitted)
    died(directory, journal)
    assert sorted(found(tmp_path).interrupted) == sorted(admitted)


def test_room_comes_back_when_kafka_does(tmp_path: Path) -> None:
    _, journal = open_journal(tmp_path, segments=4, segment_bytes=LARGE_SEGMENT_BYTES)
    admitted = admit_until_full(journal)
    for request_id in admitted:
        journal.complete(completed(request_id, size=MAX_EVENT_BYTES - 2))
    assert len(admit_until_full(journal)) < len(admitted) / 2
    publish_all(journal)
    assert journal.in_flight + len(admit_until_full(journal)) >= len(admitted) * 3 / 4
    journal.close()


def test_a_full_disk_refuses_admissions_and_takes_completions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, journal = open_journal(tmp_path, segments=100)
    admitted = [new_id() for _ in range(3)]
    for request_id in admitted:
        journal.admit(request_id, b"s")
    monkeypatch.setattr(os, "posix_fallocate", no_space)
    admitted += admit_until_full(journal)
    for request_id in admitted:
        journal.complete(completed(request_id, size=MAX_EVENT_BYTES - 2))
    died(directory, journal)
    assert len(found(tmp_path).unpublished) == len(admitted)
    assert len(list(directory.path.glob("*.segment"))) == len(directory.segment_numbers())


def test_after_the_disk_has_room_again_requests_are_admitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, journal = open_journal(tmp_path, segments=100)
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_space)
        before = len(admit_until_full(journal))
    for _ in range(20):
        journal.admit(new_id(), b"s")
    assert journal.in_flight == before + 20
    died(directory, journal)
    assert len(found(tmp_path).interrupted) == before + 20


def test_no_room_for_a_new_segment_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases are written without room set aside: on a full disk that may fail, and only that."""
    directory, journal = open_journal(tmp_path, segments=2)
    journal.complete(completed(size=60_000))
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_space)
        with pytest.raises(OSError, match="No space"):
            journal.complete(completed(size=60_000))
        journal.open_lease("small-enough", "account:1")
    journal.complete(completed(size=60_000))
    publish_all(journal)
    journal.complete(completed(size=60_000))
    died(directory, journal)
    scanned = found(tmp_path)
    assert set(scanned.leases) == {"small-enough"}
    assert len(scanned.unpublished) >= 1


async def test_a_spare_segment_is_made_ahead_and_deleted_ones_go_off_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the journal is tended no append, admission or publication makes or deletes a file."""
    directory, journal = open_journal(tmp_path, segments=9, segment_bytes=LARGE_SEGMENT_BYTES)
    loop_thread, on_the_loop = threading.get_ident(), []

    def watched(name: str, real: Callable[..., Any]) -> None:
        def call(*args: Any) -> Any:
            if threading.get_ident() == loop_thread:
                on_the_loop.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, call)

    for name in ("posix_fallocate", "fdatasync", "unlink", "open", "close"):
        watched(name, getattr(os, name))
    for _ in range(2_000):
        if journal.needs_tending.is_set():
            await journal.tend()
        request_id = new_id()
        journal.admit(request_id, b"s" * 600)
        journal.complete(completed(request_id, size=1200))
        publish_all(journal)
    await journal.tend()
    assert on_the_loop == []
    assert len(directory.segment_numbers()) <= 3
    died(directory, journal)


async def test_a_disk_that_is_full_ahead_of_need_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, journal = open_journal(tmp_path, segments=100)
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_space)
        await journal.tend()
        assert journal.used_bytes == SEGMENT_BYTES
    await journal.tend()
    assert journal.used_bytes == 2 * SEGMENT_BYTES
    died(directory, journal)


async def test_a_spare_segment_that_comes_too_late_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who recovers reads segments in order of number: none may be written after a later one."""
    directory, journal = open_journal(tmp_path, segments=9)
    real, go_on = os.posix_fallocate, threading.Event()
    slow = threading.Event()

    def waits(fd: int, offset: int, size: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            slow.set()
            assert go_on.wait(10)
        real(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", waits)
    tending = asyncio.create_task(journal.tend())
    async with asyncio.timeout(10):
        while not slow.is_set():
            await asyncio.sleep(0.005)
    journal.open_lease("lease", "account:1")
    written = [completed(size=60_000, at=at) for at in range(1, 4)]
    for record in written:
        journal.complete(record)
    go_on.set()
    await tending
    more = [completed(size=60_000, at=at) for at in range(4, 7)]
    for record in more:
        journal.complete(record)
    journal.forget_lease("lease")
    died(directory, journal)
    scanned = found(tmp_path)
    assert scanned.unpublished == [*written, *more]
    assert scanned.leases == {}


async def test_a_relay_that_stays_keeps_its_disk_bounded(tmp_path: Path) -> None:
    """10,000 requests, one of them open all the time: its admission moves on with the journal."""
    directory, journal = open_journal(tmp_path, segments=100, segment_bytes=LARGE_SEGMENT_BYTES)
    long_one = new_id()
    journal.admit(long_one, b"long")
    journal.open_lease("lease", "account:1")
    most = 0
    for number in range(10_000):
        request_id = new_id()
        journal.admit(request_id, b"s" * 300)
        journal.complete(completed(request_id, uses=(("lease", 2),)))
        if number % 50 == 0:
            publish_all(journal)
            await journal.tend()
            most = max(most, len(directory.segment_numbers()))
    assert most <= 3
    assert journal.used_bytes <= 3 * LARGE_SEGMENT_BYTES
    died(directory, journal)
    scanned = found(tmp_path)
    assert scanned.interrupted == {long_one: b"long"}
    assert scanned.leases["lease"].used_total == 20_000
