"""What a consumer knows of each partition that it has, and which records may pass. No I/O.

    UNVERIFIED ── the log fits the watermark ──> WITNESS ── the same record before it ──> FLOWING
         └────────────────────────── else ──────────┴──────────> HALTED
A rebalance, a lost compare-and-set or an unexpected offset leads back to UNVERIFIED.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol, TypeVar

from shared.kafka.errors import HaltReason
from shared.kafka.watermarks import Watermark


class Flow(Enum):
    """How far a partition has come."""

    UNVERIFIED = auto()
    WITNESS = auto()
    """Sought to the record just before the watermark, to see whether it is still the same."""
    FLOWING = auto()
    HALTED = auto()


@dataclass(frozen=True, slots=True)
class Halt:
    """Why and where a partition stands still. What is missing: `from_offset` to `to_offset`."""

    reason: HaltReason
    from_offset: int
    to_offset: int
    code: str | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def is_gap(self) -> bool:
        """Whether offsets are lost, so that only an operator can let the partition go on."""
        return self.reason not in {HaltReason.HANDLER, HaltReason.POISON}


class Offset(Protocol):
    """Anything with an offset."""

    @property
    def offset(self) -> int: ...  # noqa: D102 - its offset


_R = TypeVar("_R", bound=Offset)


@dataclass(slots=True)
class PartitionState:
    """One assigned partition."""

    flow: Flow = Flow.UNVERIFIED
    fetched_offset: int = 0
    """The next record to let pass: what comes below it was seen."""
    applied_offset: int = 0
    """The watermark, as far as this process knows."""
    applied_timestamp_ms: int | None = None
    log_start: int = 0
    log_end: int = 0
    witness_id: str | None = None
    suspected_hole: int | None = None
    """The offset at which records were missing once; a second time is no accident."""
    halt: Halt | None = None

    def begin(self, watermark: Watermark, log_start: int, log_end: int) -> int | None:
        """Hold the watermark against the log. Answer the offset to seek to; None when halted."""
        self.log_start, self.log_end = log_start, log_end
        self.fetched_offset = self.applied_offset = watermark.next_offset
        self.applied_timestamp_ms = watermark.last_timestamp_ms
        self.witness_id = watermark.last_event_id
        self.halt = None
        if log_start > watermark.next_offset:
            self.stop(HaltReason.LOG_STARTS_AFTER, log_start)
            return None
        if log_end < watermark.next_offset:
            self.stop(HaltReason.LOG_ENDS_BEFORE, log_start)
            return None
        if self.witness_id is None or log_start == watermark.next_offset:
            self.flow = Flow.FLOWING
            return watermark.next_offset
        self.flow = Flow.WITNESS
        return watermark.next_offset - 1

    def admit(self, records: Sequence[_R], event_id: Callable[[_R], str | None]) -> Sequence[_R]:
        """Those of the fetched records that may be applied: new, and without a hole before them."""
        if self.flow is Flow.WITNESS and records[0].offset < self.fetched_offset:
            # Fetched from an earlier offset than was sought: the witness is somewhere in there.
            found = next((r for r in records if r.offset == self.fetched_offset - 1), None)
            if found is not None:
                if event_id(found) != self.witness_id:
                    self.stop(HaltReason.OTHER_RECORD, self.log_start)
                    return ()
                self.flow = Flow.FLOWING
        if self.flow is not Flow.FLOWING and self.flow is not Flow.WITNESS:
            return ()
        if records[0].offset < self.fetched_offset:
            records = [r for r in records if r.offset >= self.fetched_offset]
            if not records:
                return ()
        if self.flow is Flow.WITNESS or records[0].offset > self.fetched_offset:
            self._hole(records[0].offset)
            return ()
        if records[-1].offset - self.fetched_offset + 1 != len(records):
            whole = [r for i, r in enumerate(records) if r.offset == self.fetched_offset + i]
            self.fetched_offset += len(whole)
            self._hole(records[len(whole)].offset)
            return whole
        self.fetched_offset = records[-1].offset + 1
        return records

    def _hole(self, found: int) -> None:
        # Once may be a seek that a rebalance overtook; after looking again it is the log.
        if self.suspected_hole == found:
            self.stop(HaltReason.OFFSETS_MISSING, found)
        else:
            self.suspected_hole = found
            self.flow = Flow.UNVERIFIED

    def stop(self, reason: HaltReason, to_offset: int, *, code: str | None = None) -> None:
        """Stand still at the watermark."""
        self.flow = Flow.HALTED
        self.halt = Halt(reason, self.applied_offset, to_offset, code)

    @property
    def lag_events(self) -> int:
        """Records that are on the log and not applied."""
        return max(0, self.log_end - self.applied_offset)

    def lag_seconds(self, now_s: float) -> float:
        """Age of the last applied record while there are newer ones."""
        if self.lag_events == 0 or self.applied_timestamp_ms is None:
            return 0.0
        return max(0.0, now_s - self.applied_timestamp_ms / 1000)
