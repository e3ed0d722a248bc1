"""Following an OpenAI stream: bytes pass through, and only events that can matter are read."""

import re
from collections.abc import Callable
from typing import Any, Final

from services.relay.dialects.openai_content import content_bytes
from services.relay.dialects.openai_usage import read_usage
from services.relay.dialects.sse import COMMENT, ContentCounter, EventSplitter, parse_data
from shared.events.usage import Usage

# Inside of a JSON string the quotes are escaped, so an answer that speaks of usage does not match.
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_USAGE_WORD: Final = b'"usage"'
_ERROR: Final = b'"error"'
_DONE: Final = re.compile(rb"^data:\s*\[DONE\]\s*$", re.MULTILINE)
_DONE_WORD: Final = b"[DONE]"
_FINISHED: Final = re.compile(rb'"finish_reason"\s*:\s*"')


class OpenAIStreamReader:
    """A StreamReader. Whole events are passed on; the end is held back."""

    told_input: Usage | None = None

    def __init__(
        self, *, passes_usage: bool, content_of: Callable[[dict[str, Any]], int] | None = None
    ) -> None:
        self._passes_usage = passes_usage
        self._splitter = EventSplitter()
        counted = content_of or _delta_bytes
        self._content = ContentCounter(lambda event: counted(parse_data(event)))
        self._end = b""
        self._last = b""
        self.usage: Usage | None = None
        self.is_ended = False
        self.has_error = False

    @property
    def content_bytes(self) -> int:
        """See StreamReader."""
        return self._content.total_bytes

    def feed(self, chunk: bytes) -> bytes:
        """See StreamReader."""
        if self._splitter.is_one(chunk):  # as most chunks are
            return chunk if self._is_passed(chunk) else b""
        return b"".join([event for event in self._splitter.feed(chunk) if self._is_passed(event)])

    @property
    def is_whole(self) -> bool:
        """See StreamReader. Some providers send no `[DONE]`: usage or a finish reason will do."""
        if self.is_ended or self.usage is not None:
            return True
        return _FINISHED.search(self._last) is not None

    def ending(self) -> bytes:
        """See StreamReader. Where the upstream sent no `[DONE]`, none is made up."""
        return self._end

    def _is_passed(self, event: bytes) -> bool:
        if self.is_ended:
            return False  # nothing belongs after the end
        if event.find(_DONE_WORD) >= 0 and _DONE.search(event):
            self.is_ended = True
            self._end = event
            return False
        if event.find(_USAGE_WORD) >= 0 and _USAGE.search(event):
            data = parse_data(event)
            self.usage = read_usage(data) or self.usage
            if data.get("choices") == [] and not self._passes_usage:
                return False
        if event.find(_ERROR) >= 0 and parse_data(event).get("error"):
            self.has_error = True
            return True
        if not event.startswith(COMMENT):
            self._last = event
            self._content.add(event)
        return True


def _delta_bytes(data: dict[str, Any]) -> int:
    return content_bytes(data, "delta")
