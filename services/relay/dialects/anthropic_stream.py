"""Following an Anthropic stream: named events pass through, and those that decide are read.

`message_start` tells the input, `message_delta` the output so far and why it ends, `message_stop`
that it has ended. What the dialect may add later passes through unread.
"""

import re
from typing import Any, Final

from services.relay.dialects.anthropic_content import block_bytes
from services.relay.dialects.anthropic_usage import read_input, read_usage
from services.relay.dialects.sse import ContentCounter, EventSplitter, parse_data
from shared.events.usage import Usage

_NAME: Final = re.compile(rb"^event:[ \t]*([a-z_]+)[ \t]*\r?$", re.MULTILINE)
_DELTA: Final = b"content_block_delta"
_BLOCK_START: Final = b"content_block_start"
_START: Final = b"message_start"
_MESSAGE_DELTA: Final = b"message_delta"
_STOP: Final = b"message_stop"
_ERROR: Final = b"error"
_SIGNATURE: Final = b'"signature_delta"'


class AnthropicStreamReader:
    """A StreamReader. Whole events are passed on; `message_stop` is held back."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self._content = ContentCounter(_delta_bytes)
        self._earlier_bytes = 0
        self._reported: dict[str, Any] = {}
        self._end = b""
        self._has_reason = False
        self.usage: Usage | None = None
        self.told_input: Usage | None = None
        self.is_ended = False
        self.has_error = False

    @property
    def content_bytes(self) -> int:
        """See StreamReader."""
        return self._earlier_bytes + self._content.total_bytes

    @property
    def is_whole(self) -> bool:
        """See StreamReader. Where `message_stop` is missing, a reason to stop will do."""
        return self.is_ended or self._has_reason

    def feed(self, chunk: bytes) -> bytes:
        """See StreamReader."""
        if self._splitter.is_one(chunk):  # as most chunks are
            return chunk if self._is_passed(chunk) else b""
        passed = [event for event in self._splitter.feed(chunk) if self._is_passed(event)]
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def ending(self) -> bytes:
        """See StreamReader. Where the upstream sent no `message_stop`, none is made up."""
        return self._end

    def _is_passed(self, raw: bytes) -> bool:
        if self.is_ended:
            return False  # nothing belongs after the end
        # Lines may end with a carriage return alone; what is read of them then has none.
        event = raw if b"\n" in raw else raw.replace(b"\r", b"\n")
        name = _name_of(event)
        if name == _DELTA:
            if _SIGNATURE not in event:
                self._content.add(event)
        elif name == _BLOCK_START:
            # Deltas of another kind have something else around them.
            self._earlier_bytes += self._content.total_bytes
            self._content = ContentCounter(_delta_bytes)
        elif name == _STOP:
            self.is_ended = True
            self._end = raw
            return False
        elif name == _START:
            message = parse_data(event).get("message")
            self._report(message.get("usage") if isinstance(message, dict) else None)
            self.told_input = read_input(self._reported)
        elif name == _MESSAGE_DELTA:
            self._finish(parse_data(event))
        elif name == _ERROR:
            self.has_error = True
        return True

    def _finish(self, data: dict[str, Any]) -> None:
        delta = data.get("delta")
        if isinstance(delta, dict) and delta.get("stop_reason") is not None:
            self._has_reason = True
        reported = data.get("usage")
        self._report(reported)
        # `message_start` has an output too, of the first token: only this one is the sum.
        if isinstance(reported, dict) and reported.get("output_tokens") is not None:
            self.usage = read_usage(self._reported)
        self.told_input = read_input(self._reported)

    def _report(self, reported: Any) -> None:
        """A later figure replaces an earlier one; one that is not told leaves it."""
        if isinstance(reported, dict):
            told = {name: value for name, value in reported.items() if value is not None}
            self._reported |= told


def _delta_bytes(event: bytes) -> int:
    return block_bytes(parse_data(event).get("delta"))


def _name_of(event: bytes) -> bytes:
    """The event's name; that of its data where it has none; empty for a comment."""
    match = _NAME.search(event)
    if match is not None:
        return match.group(1)
    if b"data:" not in event:
        return b""
    kind = parse_data(event).get("type")
    return kind.encode() if isinstance(kind, str) else b""
