import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.responses_request import (
    ResponsesRequest,
    count_input_tokens,
    last_input_text,
)
from deploy.simulator.schema_filling import fill_schema
from deploy.simulator.service_tier import served_tier
from deploy.simulator.usage import Usage, responses_usage_json
from deploy.simulator.web_search import QUERY, SEARCH_TOKENS, searches_made
from deploy.simulator.words import grouped, sliced, words


@dataclass(frozen=True, slots=True)
class Output:
    """One item of the output, as it is when it is whole; `chunks` is its text as it is streamed."""

    item: dict[str, Any]
    chunks: Sequence[str]


@dataclass(frozen=True, slots=True)
class ResponsesAnswer:
    """One answer, whole: how it is sent (plain or as events) is not decided here."""

    head: Mapping[str, Any]
    outputs: Sequence[Output]
    status: str  # completed, incomplete or failed
    usage: Usage

    def response(self, behaviour: Behaviour, *, is_begun: bool = False) -> dict[str, Any]:
        """The response object; `is_begun`: as it is before any output."""
        if is_begun:
            return {**self.head, "status": "in_progress", "output": [], "usage": None}
        error, details, usage = None, None, None
        if self.status == "incomplete":
            details = {"reason": "max_output_tokens"}
        if self.status == "failed":
            error = {"code": "server_error", "message": "The server had an error."}
        elif not behaviour.no_usage:
            usage = responses_usage_json(self.usage, behaviour)
        return {
            **self.head,
            "status": self.status,
            "error": error,
            "incomplete_details": details,
            "output": [] if error else [output.item for output in self.outputs],
            "usage": usage,
        }


def make_responses_answer(request: ResponsesRequest, behaviour: Behaviour) -> ResponsesAnswer:
    """The answer to a request: its items, cut at the request's limit, and what it used."""
    tool = _tool_to_call(request)
    calls = behaviour.tool_calls if tool is not None else 1
    pieces = _pieces(request, behaviour, tool)
    limit, reasoning = request.max_output_tokens, behaviour.reasoning_tokens
    room = len(pieces)
    if limit is not None and behaviour.completion_tokens is None:
        reasoning = min(reasoning, limit)
        room = (limit - reasoning) // calls
    kept = pieces[:room]
    is_whole = len(kept) == len(pieces) and not behaviour.fill_max_tokens
    used = behaviour.completion_tokens
    status = "completed" if is_whole else "incomplete"
    outputs = (
        [] if behaviour.empty_choices else [_item(tool, kept, behaviour) for _ in range(calls)]
    )
    searches = searches_made(request.searches_offered, behaviour)
    outputs = [_search() for _ in range(searches)] + outputs
    if behaviour.reasoning_tokens and outputs:
        outputs.insert(0, Output({"id": _id("rs"), "type": "reasoning", "summary": []}, ()))
    return ResponsesAnswer(
        head={
            "id": _id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "model": behaviour.upstream_model or request.model,
            "previous_response_id": None,
            "error": None,
            "incomplete_details": None,
            "service_tier": served_tier(request.service_tier, behaviour),
            **request.repeated,
        },
        outputs=outputs,
        status="failed" if behaviour.response_failed else status,
        usage=Usage(
            prompt_tokens=count_input_tokens(request.items, request.instructions)
            + searches * SEARCH_TOKENS,
            completion_tokens=calls * len(kept) + reasoning if used is None else used,
            cached_tokens=behaviour.cached_tokens,
            reasoning_tokens=reasoning,
        ),
    )


def _search() -> Output:
    action = {"type": "search", "query": QUERY, "queries": [QUERY]}
    item = {"id": _id("ws"), "type": "web_search_call", "status": "completed", "action": action}
    return Output(item, ())


def _item(tool: Mapping[str, Any] | None, pieces: Sequence[str], behaviour: Behaviour) -> Output:
    text = "".join(pieces)
    item: dict[str, Any]
    if tool is None:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item = {"id": _id("msg"), "type": "message", "role": "assistant", "content": [part]}
    elif tool["type"] == "custom":
        item = {"id": _id("ctc"), "type": "custom_tool_call", "input": text}
    else:
        item = {"id": _id("fc"), "type": "function_call", "arguments": text}
    if tool is not None:
        item |= {"call_id": _id("call"), "name": tool["name"]}
    return Output({**item, "status": "completed"}, grouped(pieces, behaviour))


def _tool_to_call(request: ResponsesRequest) -> Mapping[str, Any] | None:
    tools = [tool for tool in request.tools if tool.get("type") in ("function", "custom")]
    choice = request.tool_choice
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        return next((tool for tool in tools if tool["name"] == choice.get("name")), tools[0])
    is_asked = request.items[-1].get("role") == "user" and "call" in last_input_text(request.items)
    return tools[0] if choice == "required" or is_asked else None


def _pieces(
    request: ResponsesRequest, behaviour: Behaviour, tool: Mapping[str, Any] | None
) -> Sequence[str]:
    kind = request.text_format.get("type")
    if tool is not None and tool["type"] == "custom":
        return sliced("free text for the tool")
    if tool is not None:
        return sliced(to_json(fill_schema(tool.get("parameters") or {"type": "object"})).decode())
    if kind == "json_schema":
        return sliced(to_json(fill_schema(request.text_format.get("schema", {}))).decode())
    if kind == "json_object":
        return sliced('{"answer": "text"}')
    if behaviour.echo_prompt:
        return sliced(last_input_text(request.items))
    return words(request.max_output_tokens, behaviour)


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex}"
