"""Following a stream of `/v1/responses`: named events, of which the last one has the usage."""

from typing import Any, Final

import orjson

from services.relay.dialects.openai import OpenAIDialect
from services.relay.dialects.openai_usage import read_responses_usage
from services.relay.dialects.sse import COMMENT, EventSplitter, parse_data
from services.relay.errors import RelayError
from shared.events.usage import Usage

# An event repeats the request's instructions and tools, and the last one has all of the answer.
_MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_FAILED: Final = "response.failed"
_ERROR: Final = "error"
# Most events have none of these words, and are not read for it.
_END_WORDS: Final = tuple(f'"{name}"'.encode() for name in (*sorted(_ENDS), _ERROR))
_DELTA: Final = b'.delta"'


class ResponsesDialect(OpenAIDialect):
    """OpenAI's, with its streams' own event of an error."""

    def error_event(self, error: RelayError, request_id: str) -> bytes:
        """See Dialect.

        As the API's description has it, and with `error` as well: by that the SDKs raise.
        """
        told = self._error(error, request_id)["error"]
        event = {
            "type": _ERROR,
            "code": told["code"],
            "message": told["message"],
            "param": told["param"],
            # Its number in the stream is not counted here; clients order by arrival.
            "sequence_number": 0,
            "error": told,
        }
        return b"event: error\ndata: " + orjson.dumps(event) + b"\n\n"


OPENAI_RESPONSES: Final = ResponsesDialect()


class ResponsesStreamReader:
    """A StreamReader. Whole events are passed on; the event that ends the response is held back."""

    told_input: Usage | None = None

    def __init__(self) -> None:
        self._splitter = EventSplitter(max_event_bytes=_MAX_EVENT_BYTES)
        self._end = b""
        self.usage: Usage | None = None
        self.content_bytes = 0
        self.is_ended = False
        self.has_error = False

    @property
    def is_whole(self) -> bool:
        """See StreamReader. There is no whole response without the event that says so."""
        return self.is_ended

    def feed(self, chunk: bytes) -> bytes:
        """See StreamReader."""
        if self._splitter.is_one(chunk):  # as most chunks are
            return chunk if self._is_passed(chunk) else b""
        passed = [event for event in self._splitter.feed(chunk) if self._is_passed(event)]
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def ending(self) -> bytes:
        """See StreamReader."""
        return self._end

    def _is_passed(self, event: bytes) -> bool:
        if self.is_ended:
            return False  # nothing belongs after the end
        if event.startswith(COMMENT):
            return True
        if any(word in event for word in _END_WORDS):
            # What a client put into its tools is repeated here: only the event's own type counts.
            data = parse_data(event)
            kind = data.get("type")
            if isinstance(kind, str) and kind in _ENDS:
                self._take_end(event, kind, data.get("response"))
                return False
            if kind == _ERROR or data.get("error"):
                self.has_error = True
                return True
        if _DELTA in event:
            delta = parse_data(event).get("delta")
            if isinstance(delta, str):
                self.content_bytes += len(delta.encode())
        return True

    def _take_end(self, event: bytes, kind: str, response: Any) -> None:
        self._end = event
        self.is_ended = True
        self.has_error = self.has_error or kind == _FAILED
        if isinstance(response, dict):
            self.usage = read_responses_usage(response)
