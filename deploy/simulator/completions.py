"""`POST /v1/completions`: the older call, of one text or several."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from deploy.simulator.call import Asked, Prepared
from deploy.simulator.chat_request import MAX_CHOICES
from deploy.simulator.errors import InvalidRequestError
from deploy.simulator.fields import asks_usage, read_count, read_model, read_object
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.prompts import Prompt, count_tokens, read_prompts, text_of
from deploy.simulator.sse import DONE
from deploy.simulator.usage import Usage, usage_json
from deploy.simulator.words import grouped, sliced, words


@dataclass(frozen=True, slots=True)
class _Request:
    model: str
    prompts: Sequence[Prompt]
    choices: int  # of each prompt
    best_of: int
    max_tokens: int | None
    echo: bool
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True)
class _Made:
    head: dict[str, Any]
    texts: Sequence[Sequence[str]]  # of each choice, as it is streamed
    finish_reason: str
    usage: Usage


def completions(body: Any) -> Asked:
    """Read it. Raises InvalidRequestError."""
    request = _read(read_object(body))

    def answer(behaviour: Behaviour, error: bytes) -> Prepared:
        made = _make(request, behaviour)
        sent = (
            _events(request, made, behaviour, error) if request.stream else _body(made, behaviour)
        )
        return Prepared(made.head["id"], made.usage, sent)

    return Asked(request.model, request.stream, text_of(request.prompts), answer)


def _read(body: dict[str, Any]) -> _Request:
    choices = read_count(body, "n", at_most=MAX_CHOICES) or 1
    best_of = read_count(body, "best_of", at_most=MAX_CHOICES) or choices
    stream = body.get("stream") is True
    if best_of < choices:
        raise InvalidRequestError("'best_of' must be at least 'n'.", "best_of")
    if stream and best_of > choices:
        raise InvalidRequestError("'best_of' cannot be streamed.", "best_of")
    return _Request(
        model=read_model(body),
        prompts=read_prompts(body.get("prompt", "<|endoftext|>"), "prompt"),
        choices=choices,
        best_of=best_of,
        max_tokens=read_count(body, "max_tokens"),
        echo=body.get("echo") is True,
        stream=stream,
        include_usage=asks_usage(body),
    )


def _make(request: _Request, behaviour: Behaviour) -> _Made:
    wanted = words(request.max_tokens, behaviour)
    if behaviour.echo_prompt:
        wanted = sliced(text_of(request.prompts))
    told = behaviour.completion_tokens
    kept = wanted if told is not None else wanted[: request.max_tokens]
    is_whole = len(kept) == len(wanted) and not behaviour.fill_max_tokens
    chunks = grouped(kept, behaviour)
    echoed = [text_of([prompt]) if request.echo else "" for prompt in request.prompts]
    answers = len(request.prompts) * request.best_of
    return _Made(
        head={
            "id": f"cmpl-{uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": behaviour.upstream_model or request.model,
        },
        texts=[
            [echo, *chunks] if echo else chunks for echo in echoed for _ in range(request.choices)
        ],
        finish_reason="stop" if is_whole else "length",
        usage=Usage(
            prompt_tokens=sum(map(count_tokens, request.prompts)),
            completion_tokens=answers * len(kept) if told is None else told,
            cached_tokens=behaviour.cached_tokens,
            reasoning_tokens=behaviour.reasoning_tokens,
        ),
    )


def _body(made: _Made, behaviour: Behaviour) -> bytes:
    choices = [
        _choice(index, "".join(text), made.finish_reason) for index, text in enumerate(made.texts)
    ]
    body = {**made.head, "choices": [] if behaviour.empty_choices else choices}
    if not behaviour.no_usage:
        body["usage"] = usage_json(made.usage, behaviour)
    whole = to_json(body)
    return whole[: len(whole) // 2] if behaviour.malformed_json else whole


def _events(request: _Request, made: _Made, behaviour: Behaviour, error: bytes) -> Iterator[bytes]:
    tells_usage = request.include_usage and not behaviour.no_usage
    usage = usage_json(made.usage, behaviour)
    usage_is_last = behaviour.usage_in_last_chunk and not behaviour.no_usage

    def event(choices: list[Any], told: Any = None) -> bytes:
        shown = [] if behaviour.empty_choices else choices
        more = {"usage": told} if tells_usage or told else {}
        return to_json({**made.head, "choices": shown, **more})

    longest = max(map(len, made.texts))
    for at in range(longest):
        if at == longest // 2 and behaviour.error_event_mid_stream:
            yield error
            return
        if at == longest // 2 and behaviour.malformed_json:
            yield to_json(made.head)[:20]
        for index, text in enumerate(made.texts):
            if at < len(text):
                yield event([_choice(index, text[at], None)])
    for index in range(len(made.texts)):
        is_last = index == len(made.texts) - 1
        finish = [_choice(index, "", made.finish_reason)]
        yield event(finish, usage if is_last and usage_is_last else None)
    if tells_usage and not usage_is_last:
        yield event([], usage)
    if not behaviour.no_done:
        yield DONE


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
