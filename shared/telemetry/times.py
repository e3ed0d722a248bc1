"""Times as text, for lines and events that are written thousands of times a second."""

from datetime import UTC, datetime


class _Written:
    """The second that was written last: most times differ from it in their microseconds only."""

    def __init__(self) -> None:
        self.unix_s: int | None = None
        self.text = ""


_last = _Written()


def iso_utc(at: datetime) -> str:
    """ISO 8601 with microseconds, in UTC: `2026-01-02T03:04:05.000006+00:00`. `at` is aware."""
    unix_s = int(at.timestamp() // 1)
    if unix_s != _last.unix_s:
        _last.text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _last.unix_s = unix_s
    return f"{_last.text}.{at.microsecond:06d}+00:00"
