"""Following an OpenAI stream: bytes pass through, and only events that can matter are read."""

import re
from typing import Any, Final

import orjson

from services.relay.dialects.dialect import AnswerMalformedError
from services.relay.dialects.openai_content import content_bytes
from services.relay.dialects.openai_usage import read_usage
from shared.events.usage import Usage

_EVENT_END: Final = re.compile(rb"\n\r?\n|\r\r")
# Inside of a JSON string the quotes are escaped, so an answer that speaks of usage does not match.
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_USAGE_WORD: Final = b'"usage"'
_ERROR: Final = b'"error"'
_DONE: Final = re.compile(rb"^data:\s*\[DONE\]\s*$", re.MULTILINE)
_DONE_WORD: Final = b"[DONE]"
_FINISHED: Final = re.compile(rb'"finish_reason"\s*:\s*"')
_DATA: Final = re.compile(rb"^data: ?(.*?)\r?$", re.MULTILINE)
_COMMENT: Final = b":"
_MAX_EVENT_BYTES: Final = 4 * 1024 * 1024


class OpenAIStreamReader:
    """A StreamReader. Whole events are passed on; the end is held back."""

    def __init__(self, *, passes_usage: bool) -> None:
        self._passes_usage = passes_usage
        self._partial = b""
        self._end = b""
        self._overhead_bytes: int | None = None
        self._last = b""
        self.usage: Usage | None = None
        self.content_bytes = 0
        self.is_ended = False
        self.has_error = False

    def feed(self, chunk: bytes) -> bytes:
        """See StreamReader."""
        # What was searched before is not searched again, but for an end that it may begin.
        unsearched = max(0, len(self._partial) - 2)
        if self._partial:
            chunk = self._partial + chunk
        passed: list[bytes] = []
        position = 0
        for match in _EVENT_END.finditer(chunk, unsearched):
            event = chunk[position : match.end()]
            position = match.end()
            if self._is_passed(event):
                passed.append(event)
        self._partial = chunk[position:]
        if len(self._partial) > _MAX_EVENT_BYTES:
            raise AnswerMalformedError
        return passed[0] if len(passed) == 1 else b"".join(passed)

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
        if _DONE_WORD in event and _DONE.search(event):
            self.is_ended = True
            self._end = event
            return False
        if _USAGE_WORD in event and _USAGE.search(event):
            data = self._parse(event)
            self.usage = read_usage(data.get("usage")) or self.usage
            if data.get("choices") == [] and not self._passes_usage:
                return False
        if _ERROR in event and self._parse(event).get("error"):
            self.has_error = True
            return True
        if not event.startswith(_COMMENT):
            self._last = event
            self._count(event)
        return True

    def _count(self, event: bytes) -> None:
        """Count the answer's own bytes, by what an event with content has around it.

        Only the first such event is read, and those that are smaller than what was around it.
        """
        if self._overhead_bytes is None or len(event) < self._overhead_bytes:
            content = content_bytes(self._parse(event), "delta")
            if content == 0:
                return
            self._overhead_bytes = max(0, len(event) - content)
        self.content_bytes += len(event) - self._overhead_bytes

    @staticmethod
    def _parse(event: bytes) -> dict[str, Any]:
        try:
            data = orjson.loads(b"\n".join(_DATA.findall(event)))
        except orjson.JSONDecodeError:
            return {}
        return data if isinstance(data, dict) else {}
