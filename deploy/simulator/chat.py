import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from deploy.simulator.chat_request import ChatRequest, count_prompt_tokens, last_user_text
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.schema_filling import fill_schema
from deploy.simulator.service_tier import served_tier
from deploy.simulator.usage import Usage, usage_json
from deploy.simulator.words import grouped, sliced, words

FINGERPRINT: Final = "fp_simulator"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole: how it is sent (plain or as events) is not decided here."""

    answer_id: str
    created: int
    model: str
    choices: int
    chunks: Sequence[str]  # the text of a choice (or of its call's arguments) as it is streamed
    tool_name: str | None  # None: `chunks` are the content
    calls: int  # of the tool, by each choice
    finish_reason: str
    usage: Usage
    service_tier: str


def make_answer(request: ChatRequest, behaviour: Behaviour) -> Answer:
    """The answer to a request: its text, cut at the request's limit, and what it used."""
    tool = _tool_to_call(request)
    calls = behaviour.tool_calls if tool is not None else 1
    pieces = _pieces(request, behaviour, tool)
    limit = request.max_tokens
    reasoning = behaviour.reasoning_tokens
    if limit is not None and behaviour.completion_tokens is None:
        reasoning = min(reasoning, limit)
        room = (limit - reasoning) // calls
    else:
        room = len(pieces)
    kept = pieces[:room]
    whole = len(kept) == len(pieces) and not behaviour.fill_max_tokens
    completion_tokens = behaviour.completion_tokens
    if completion_tokens is None:
        completion_tokens = request.choices * (calls * len(kept) + reasoning)
    return Answer(
        answer_id=f"chatcmpl-{uuid4().hex}",
        created=int(time.time()),
        model=behaviour.upstream_model or request.model,
        choices=request.choices,
        chunks=grouped(kept, behaviour),
        tool_name=None if tool is None else tool["name"],
        calls=calls,
        finish_reason=("stop" if tool is None else "tool_calls") if whole else "length",
        usage=Usage(
            prompt_tokens=count_prompt_tokens(request.messages),
            completion_tokens=completion_tokens,
            cached_tokens=behaviour.cached_tokens,
            reasoning_tokens=reasoning,
        ),
        service_tier=served_tier(request.service_tier, behaviour),
    )


def answer_json(answer: Answer, behaviour: Behaviour) -> bytes:
    """The body of a plain answer, malformed if that was asked."""
    text = "".join(answer.chunks)
    body: dict[str, Any] = {
        "id": answer.answer_id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": []
        if behaviour.empty_choices
        else [
            {
                "index": index,
                "message": _message(answer, text, index),
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
            for index in range(answer.choices)
        ],
        "service_tier": answer.service_tier,
        "system_fingerprint": FINGERPRINT,
    }
    if not behaviour.no_usage:
        body["usage"] = usage_json(answer.usage, behaviour)
    whole = to_json(body)
    return whole[: len(whole) // 2] if behaviour.malformed_json else whole


def call_id(answer: Answer, index: int, call: int) -> str:
    """The id of one tool call of one choice."""
    return f"call_{answer.answer_id[-16:]}{index}{call}"


def _message(answer: Answer, text: str, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text,
        "refusal": None,
        "annotations": [],
    }
    if answer.tool_name is not None:
        function = {"name": answer.tool_name, "arguments": text}
        calls = [
            {"id": call_id(answer, index, call), "type": "function", "function": function}
            for call in range(answer.calls)
        ]
        message |= {"content": None, "tool_calls": calls}
    return message


def _tool_to_call(request: ChatRequest) -> Mapping[str, Any] | None:
    choice = request.tool_choice
    functions: list[Mapping[str, Any]] = [
        tool["function"] for tool in request.tools if "function" in tool
    ]
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
        return next((f for f in functions if f["name"] == name), functions[0])
    last = request.messages[-1]
    asks = last["role"] == "user" and "call" in last_user_text((last,))
    return functions[0] if choice == "required" or asks else None


def _pieces(
    request: ChatRequest, behaviour: Behaviour, tool: Mapping[str, Any] | None
) -> Sequence[str]:
    """The answer's text, one item a token."""
    if tool is not None:
        return sliced(to_json(fill_schema(tool.get("parameters") or {"type": "object"})).decode())
    kind = (request.response_format or {}).get("type")
    if kind == "json_schema":
        schema = (request.response_format or {}).get("json_schema", {}).get("schema", {})
        return sliced(to_json(fill_schema(schema)).decode())
    if kind == "json_object":
        return sliced('{"answer": "text"}')
    if behaviour.echo_prompt:
        return sliced(last_user_text(request.messages))
    return words(request.max_tokens, behaviour)
