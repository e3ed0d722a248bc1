"""Times as text, for lines and events that are written thousands of times a second."""

from datetime import UTC, datetime
from typing import Final

_REMEMBERED: Final = 64
_seconds: Final[dict[int, str]] = {}
"""Those that were written last: a stream's beginning and its end are in different ones."""


def iso_utc(at: datetime) -> str:
    """ISO 8601 with microseconds, in UTC: `2026-01-02T03:04:05.000006+00:00`. `at` is aware."""
    unix_s = int(at.timestamp() // 1)
    second = _seconds.get(unix_s)
    if second is None:
        if len(_seconds) >= _REMEMBERED:
            _seconds.clear()
        second = _seconds[unix_s] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{second}.{at.microsecond:06d}+00:00"
