"""Server-sent events: cut into whole ones as they came, read, and counted."""

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from services.relay.dialects.dialect import AnswerTooLargeError

COMMENT: Final = b":"
_BLANK_LINE: Final = b"\n\n"
_CARRIAGE_RETURN: Final = b"\r"
_EVENT_END: Final = re.compile(rb"\n\r?\n|\r\r")
# A line may end in CR, LF or both; none of them is ever inside of JSON.
_DATA: Final = re.compile(rb"(?:\A|[\r\n])data: ?([^\r\n]*)")
_MAX_EVENT_BYTES: Final = 4 * 1024 * 1024


class EventSplitter:
    """Takes chunks of any size and gives back whole events, each with its own end."""

    def __init__(self, *, max_event_bytes: int = _MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._partial = b""

    def is_one(self, chunk: bytes) -> bool:
        """Whether `chunk`, which comes next, is one whole event: then it need not be fed."""
        # `find`, here and for each event of a chat: `in` first asks whether it is given a number,
        # and takes twice as long.
        return (
            not self._partial
            and chunk.find(_BLANK_LINE) == len(chunk) - 2
            and len(chunk) > 1
            and chunk.find(_CARRIAGE_RETURN) < 0
        )

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that are whole now. Raises AnswerTooLargeError."""
        # What was searched before is not searched again, but for an end that it may begin.
        unsearched = max(0, len(self._partial) - 2)
        if self._partial:
            chunk = self._partial + chunk
        events: list[bytes] = []
        position = 0
        for match in _EVENT_END.finditer(chunk, unsearched):
            events.append(chunk[position : match.end()])
            position = match.end()
        self._partial = chunk[position:]
        if len(self._partial) > self._max_event_bytes:
            raise AnswerTooLargeError
        return events


class ContentCounter:
    """Counts an answer's own bytes, by what an event with content has around it.

    Only the first such event is read, and those that are smaller than what was around it.
    """

    def __init__(self, content_of: Callable[[bytes], int]) -> None:
        self._content_of = content_of
        self._overhead_bytes: int | None = None
        self.total_bytes = 0

    def add(self, event: bytes) -> None:
        """Count one event."""
        if self._overhead_bytes is None or len(event) < self._overhead_bytes:
            content = self._content_of(event)
            if content == 0:
                return
            self._overhead_bytes = max(0, len(event) - content)
        self.total_bytes += len(event) - self._overhead_bytes


def parse_data(event: bytes) -> dict[str, Any]:
    """An event's data; empty where it is no JSON object."""
    try:
        data = orjson.loads(b"\n".join(_DATA.findall(event)))
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}
