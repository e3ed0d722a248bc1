"""W3C Trace Context: taken from the client, passed on, carried in the events."""

import os
import re
from typing import Final, NamedTuple, Self

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class TraceContext(NamedTuple):
    """One span of a trace: the ids in hex, the flags as two hex digits."""

    trace_id: str
    span_id: str
    flags: str = "01"

    @classmethod
    def from_header(cls, header: str | None) -> Self:
        """Our span in the caller's trace; a new trace where the header is missing or invalid."""
        span_id = os.urandom(8).hex()
        match = _TRACEPARENT.fullmatch(header) if header else None
        if match is None:
            return cls(os.urandom(16).hex(), span_id)
        version, trace_id, parent_id, flags = match.groups()
        if version == "ff" or trace_id == "0" * 32 or parent_id == "0" * 16:
            return cls(os.urandom(16).hex(), span_id)
        return cls(trace_id, span_id, flags)

    def header(self) -> str:
        """The `traceparent` to send on."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"
