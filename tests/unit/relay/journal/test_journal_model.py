"""Whatever a relay did before it was killed, its journal says exactly what is left to do."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.relay.journal.journal import JournalFullError
from services.relay.journal.records import CompletedRecord
from tests.unit.relay.journal.made_journals import (
    SEGMENT_BYTES,
    completed,
    died,
    found,
    new_id,
    open_journal,
)

PICK = st.integers(0, 1_000_000)
SEGMENTS = 6


class JournalModel(RuleBasedStateMachine):
    """One relay after another under one root; each is killed at any moment."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self.directory, self.journal = open_journal(
            self.root,
            relay_id=f"relay-{self.starts}",
            segments=SEGMENTS,
            max_waiting_bytes=20_000,
        )
        self.open: dict[bytes, bytes] = {}
        self.done: list[CompletedRecord] = []
        self.leases: dict[str, int] = {}
        self.published = self.written = self.taken = 0
        self.places: list[int] = []
        self.end = self.journal.take().end.place

    @rule(size=st.integers(0, 3_000))
    def admit(self, size: int) -> None:
        request_id, skeleton = new_id(), b"s" * size
        try:
            self.journal.admit(request_id, skeleton)
        except JournalFullError:
            assert len(self.open) + len(self.done) - self.published > 0, "refused for nothing"
        else:
            self.open[request_id] = skeleton

    @precondition(lambda self: self.open)
    @rule(pick=PICK, size=st.sampled_from([0, 700, 9_000, 60_000]), quota=st.integers(0, 100))
    def complete(self, pick: int, size: int, quota: int) -> None:
        request_id = list(self.open)[pick % len(self.open)]
        lease = list(self.leases)[pick % len(self.leases)] if self.leases else "unknown"
        record = completed(request_id, size=size, uses=((lease, quota),), at=len(self.done) + 1)
        self.journal.complete(record)
        del self.open[request_id]
        self.done.append(record)
        if lease in self.leases:
            self.leases[lease] += quota

    @rule()
    def open_lease(self) -> None:
        lease_id = f"lease-{new_id().hex()}"
        self.journal.open_lease(lease_id, f"account:{len(self.leases)}")
        self.leases[lease_id] = 0

    @precondition(lambda self: self.leases)
    @rule(pick=PICK)
    def forget_lease(self, pick: int) -> None:
        lease_id = list(self.leases)[pick % len(self.leases)]
        self.journal.forget_lease(lease_id)
        self.journal.forget_lease(lease_id)
        del self.leases[lease_id]

    @rule()
    def take(self) -> None:
        """The publisher's part: what it took from memory and what it reads again are the same."""
        taken = self.journal.take()
        ordinal = self.taken
        self.taken = taken.end.ordinal
        assert self.taken == len(self.done)
        assert [record for _, _, record in taken.completions] == self.done[ordinal:][
            : len(taken.completions)
        ]
        self.places += [place for place, _, _ in taken.completions]
        if taken.unread is None:
            assert ordinal + len(taken.completions) == self.taken
        else:
            assert taken.unread.ordinal == ordinal + len(taken.completions)
            self._read_on(taken.unread.place, taken.unread.ordinal)
        assert len(self.places) == self.taken
        self.end = taken.end.place

    def _read_on(self, place: int, ordinal: int) -> None:
        while True:
            read, place = self.journal.read(place, ordinal)
            if not read:
                return
            assert [record for _, _, record in read] == self.done[ordinal : ordinal + len(read)]
            assert [n for _, n, _ in read] == list(range(ordinal, ordinal + len(read)))
            self.places += [at for at, _, _ in read]
            ordinal += len(read)

    @rule(pick=PICK)
    def publish(self, pick: int) -> None:
        """Some of what was taken is acknowledged."""
        self.published += pick % (self.taken - self.published + 1)
        done = self.published == self.taken
        place = self.end if done else self.places[self.published]
        self.journal.published(place, self.published)

    @precondition(lambda self: self.published < self.taken)
    @rule()
    def read_again(self) -> None:
        """What was not acknowledged can be read as often as it takes."""
        places = self.places
        self.places = places[: self.published]
        self._read_on(places[self.published], self.published)
        assert self.places[: len(places)] == places
        self.places = places

    @rule()
    def publish_all(self) -> None:
        self.take()
        self.published = self.taken
        self.journal.published(self.end, self.published)
        assert self.journal.unpublished_count == 0

    @rule()
    def tend(self) -> None:
        asyncio.run(self.journal.tend())

    @rule()
    def write_published(self) -> None:
        self.journal.write_published()
        self.written = self.published

    @rule()
    def kill(self) -> None:
        died(self.directory, self.journal)
        scanned = found(self.root)
        left = len(scanned.unpublished)
        assert len(self.done) - self.published <= left <= len(self.done) - self.written
        assert scanned.unpublished == self.done[len(self.done) - left :]
        assert scanned.interrupted == self.open
        assert {i: lease.used_total for i, lease in scanned.leases.items()} == self.leases
        assert scanned.published_count == self.written
        assert scanned.quarantined == 0
        shutil.rmtree(self.directory.path)
        self._start()

    @invariant()
    def figures_agree(self) -> None:
        if hasattr(self, "journal"):
            assert self.journal.in_flight == len(self.open)
            assert self.journal.unpublished_count == len(self.done) - self.published
            assert self.journal.published_count == self.published
            used = {i: lease.used_total for i, lease in self.journal.leases.items()}
            assert used == self.leases
            files = len(list(self.directory.path.glob("*.segment")))
            assert self.journal.used_bytes == files * SEGMENT_BYTES

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.kill()
            died(self.directory, self.journal)
            shutil.rmtree(self.root)


JournalModel.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestJournalModel = JournalModel.TestCase
