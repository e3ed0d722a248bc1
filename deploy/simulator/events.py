from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from deploy.simulator.chat import FINGERPRINT, Answer, call_id
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.sse import DONE
from deploy.simulator.usage import usage_json


class EventWriter:
    """The payloads (`data:`) of one streamed answer, in order. Pure: it only makes bytes."""

    def __init__(self, answer: Answer, behaviour: Behaviour, *, include_usage: bool) -> None:
        self._answer = answer
        self._behaviour = behaviour
        self._usage_asked = include_usage and not behaviour.no_usage
        head = {
            "id": answer.answer_id,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
            "service_tier": answer.service_tier,
            "system_fingerprint": FINGERPRINT,
        }
        # Only the choices differ from event to event: what is around them is encoded once.
        self._before = to_json(head)[:-1] + b',"choices":'
        self._after = b',"usage":null}' if self._usage_asked else b"}"

    def payloads(self, error: bytes) -> Iterator[bytes]:
        """Role, content, finish, usage and `[DONE]`; `error` is sent half-way if that is asked."""
        behaviour, chunks = self._behaviour, self._answer.chunks
        half = len(chunks) // 2
        yield from self._for_each_choice(self._first_delta)
        for at, text in enumerate(chunks):
            if at == half and behaviour.error_event_mid_stream:
                yield error
                return
            if at == half and behaviour.malformed_json:
                yield self._before[: len(self._before) // 2]
            for index in range(self._answer.choices):
                yield self._content_event(index, text)
        for call in range(1, self._answer.calls):
            yield from self._further_call(call)
        yield from self._finish()
        if not behaviour.no_done:
            yield DONE

    def _finish(self) -> Iterator[bytes]:
        choices = range(self._answer.choices)
        usage = b',"usage":' + to_json(usage_json(self._answer.usage, self._behaviour)) + b"}"
        in_last = self._behaviour.usage_in_last_chunk and not self._behaviour.no_usage
        for index in choices:
            last = in_last and index == choices[-1]
            yield self._event(index, {}, self._answer.finish_reason, after=usage if last else None)
        if self._usage_asked and not in_last:
            yield self._before + b"[]" + usage

    def _for_each_choice(self, delta: Any) -> Iterator[bytes]:
        for index in range(self._answer.choices):
            yield self._event(index, delta(index))

    def _first_delta(self, index: int) -> dict[str, Any]:
        delta: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        if self._answer.tool_name is not None:
            delta |= {"content": None, "tool_calls": [self._call(index, 0)]}
        return delta

    def _call(self, index: int, call: int) -> dict[str, Any]:
        function = {"name": self._answer.tool_name, "arguments": ""}
        called_id = call_id(self._answer, index, call)
        return {"index": call, "id": called_id, "type": "function", "function": function}

    def _further_call(self, call: int) -> Iterator[bytes]:
        for index in range(self._answer.choices):
            yield self._event(index, {"tool_calls": [self._call(index, call)]})
            for text in self._answer.chunks:
                yield self._content_event(index, text, call)

    def _content_event(self, index: int, text: str, call: int = 0) -> bytes:
        if self._answer.tool_name is None and not self._behaviour.empty_choices:
            return self._before + _content_choices(index, text) + self._after
        called = [{"index": call, "function": {"arguments": text}}]
        return self._event(index, {"tool_calls": called})

    def _event(
        self,
        index: int,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        *,
        after: bytes | None = None,
    ) -> bytes:
        empty = self._behaviour.empty_choices
        choices = b"[]" if empty else _choices(index, delta, finish_reason)
        return self._before + choices + (after or self._after)


def _choices(index: int, delta: dict[str, Any], finish_reason: str | None) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return to_json([choice])


@lru_cache(maxsize=256)  # the default answer's words are most of what a benchmark asks for
def _content_choices(index: int, text: str) -> bytes:
    return _choices(index, {"content": text}, None)
