"""W3C Trace Context: taken from the client, passed on, carried in the events."""

import random
import re
from typing import Final, NamedTuple, Self

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
# Ids are told apart by them and nothing is kept safe by them: no system call for each.
_random_bits: Final = random.Random().getrandbits  # noqa: S311


def new_traceparent() -> tuple[str, str]:
    """A new trace's id, and the `traceparent` of our span in it."""
    trace_id = f"{_random_bits(128):032x}"
    return trace_id, f"00-{trace_id}-{_random_bits(64):016x}-01"


class TraceContext(NamedTuple):
    """One span of a trace: the ids in hex, the flags as two hex digits."""

    trace_id: str
    span_id: str
    flags: str = "01"
    parent_id: str | None = None
    """The caller's span; null where the trace began with us."""

    @classmethod
    def from_header(cls, header: str | None) -> Self:
        """Our span in the caller's trace; a new trace where the header is missing or invalid."""
        span_id = f"{_random_bits(64):016x}"
        match = _TRACEPARENT.fullmatch(header) if header else None
        if match is None:
            return cls(f"{_random_bits(128):032x}", span_id)
        version, trace_id, parent_id, flags = match.groups()
        if version == "ff" or trace_id == "0" * 32 or parent_id == "0" * 16:
            return cls(f"{_random_bits(128):032x}", span_id)
        return cls(trace_id, span_id, flags, parent_id)

    def header(self) -> str:
        """The `traceparent` to send on."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"
