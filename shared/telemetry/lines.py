"""Log lines whose JSON is there already: for the one line that each request has.

structlog copies a dictionary through six processors for a line. A line that is the same but for
its figures can be put together at once; where the log is not JSON, or not set up, it goes through
structlog all the same.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import orjson
import structlog

from shared.telemetry.times import iso_utc

_Write = Callable[[str], None]


class _Sink:
    """Where lines go. Set by `configure_logs`."""

    def __init__(self) -> None:
        self.write: _Write | None = None
        self.ending = ""
        self.is_off = False


_sink: Final = _Sink()


def open_lines(write: _Write | None, *, is_off: bool, **bound: object) -> None:
    """Send lines to `write`, each with `bound`; null: through structlog. `is_off` drops them."""
    _sink.write = write
    _sink.is_off = is_off
    _sink.ending = orjson.dumps({**bound, "level": "info"}).decode()[1:]


def write_line(event: str, members: str) -> None:
    """One line at level info. `members` are a JSON object's, without its braces."""
    if _sink.is_off:
        return
    if _sink.write is None:
        structlog.get_logger().info(event, **orjson.loads(f"{{{members}}}"))
        return
    at = iso_utc(datetime.now(UTC)).removesuffix("+00:00")
    _sink.write(f'{{{members},"event":"{event}","timestamp":"{at}Z",{_sink.ending}\n')
