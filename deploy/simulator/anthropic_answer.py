"""What `/v1/messages` answers: its blocks, cut at the request's limit, and what it used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from deploy.simulator.anthropic_blocks import Block, answer_block, search_blocks, whole_block
from deploy.simulator.anthropic_request import MessagesRequest, last_user_text
from deploy.simulator.json_text import to_json
from deploy.simulator.misbehaviour import Behaviour
from deploy.simulator.schema_filling import fill_schema
from deploy.simulator.usage import Usage, told
from deploy.simulator.web_search import SEARCH_TOKENS, searches_made
from deploy.simulator.words import grouped, sliced, words

_THOUGHT: Final = "Hmm "


@dataclass(frozen=True, slots=True)
class MessageUsage(Usage):
    """What an answer used; `prompt_tokens` is the input without what the cache had or got."""

    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0


@dataclass(frozen=True, slots=True)
class MessageAnswer:
    """One answer, whole: how it is sent is not decided here."""

    answer_id: str
    model: str
    blocks: Sequence[Block]
    stop_reason: str
    usage: MessageUsage


def make_message(request: MessagesRequest, behaviour: Behaviour) -> MessageAnswer:
    """The answer to a request. Thinking comes first and counts within the limit."""
    limit = request.max_tokens
    over_limit = behaviour.completion_tokens is not None
    thought = behaviour.reasoning_tokens or request.thinking_tokens
    thought = thought if over_limit else min(thought, limit)
    tools = _tools_to_call(request, behaviour)
    pieces = [_pieces(request, behaviour, tool) for tool in tools or (None,)]
    wanted = sum(map(len, pieces))
    room = wanted if over_limit else max(0, limit - thought)
    blocks = [Block("thinking", grouped([_THOUGHT] * thought, behaviour))] if thought else []
    searches = searches_made(request.searches_offered, behaviour)
    blocks += [block for _ in range(searches) for block in search_blocks()]
    for tool, part in zip(tools or (None,), pieces, strict=True):
        kept = part[:room]
        room -= len(kept)
        blocks.append(answer_block(tool, grouped(kept, behaviour)))
    whole = (over_limit or wanted + thought <= limit) and not behaviour.fill_max_tokens
    output = behaviour.completion_tokens
    if output is None:
        output = min(limit, wanted + thought)
    return MessageAnswer(
        answer_id=f"msg_{uuid4().hex}",
        model=behaviour.upstream_model or request.model,
        blocks=[] if behaviour.empty_choices else blocks,
        stop_reason=("tool_use" if tools else "end_turn") if whole else "max_tokens",
        usage=MessageUsage(
            prompt_tokens=request.input_tokens + searches * SEARCH_TOKENS,
            completion_tokens=output,
            cached_tokens=behaviour.cached_tokens,
            reasoning_tokens=thought,
            cache_write_5m_tokens=behaviour.cache_write_5m_tokens,
            cache_write_1h_tokens=behaviour.cache_write_1h_tokens,
            web_searches=searches,
        ),
    )


def message_json(answer: MessageAnswer, behaviour: Behaviour) -> bytes:
    """The body of a plain answer, malformed if that was asked."""
    body = message_head(answer)
    body |= {"content": [whole_block(block) for block in answer.blocks]}
    body |= {"stop_reason": answer.stop_reason, "stop_sequence": None}
    if not behaviour.no_usage:
        output = output_usage_json(answer.usage, behaviour)
        body["usage"] = input_usage_json(answer.usage, behaviour) | output
    whole = to_json(body)
    return whole[: len(whole) // 2] if behaviour.malformed_json else whole


def message_head(answer: MessageAnswer) -> dict[str, Any]:
    """What a plain answer and `message_start` begin with."""
    return {
        "id": answer.answer_id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
    }


def input_usage_json(usage: MessageUsage, behaviour: Behaviour) -> dict[str, Any]:
    """The input side of `usage`."""

    def figure(count: int) -> int | str:
        return told(count, behaviour) if count else 0

    for_5m, for_1h = usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
    return {
        "input_tokens": told(usage.prompt_tokens, behaviour),
        "cache_read_input_tokens": figure(usage.cached_tokens),
        "cache_creation_input_tokens": figure(for_5m + for_1h),
        "cache_creation": {
            "ephemeral_5m_input_tokens": figure(for_5m),
            "ephemeral_1h_input_tokens": figure(for_1h),
        },
        "service_tier": behaviour.service_tier or "standard",
    }


def output_usage_json(usage: MessageUsage, behaviour: Behaviour) -> dict[str, Any]:
    """The output side of `usage`."""
    output: dict[str, Any] = {"output_tokens": told(usage.completion_tokens, behaviour)}
    if usage.reasoning_tokens:
        thought = told(usage.reasoning_tokens, behaviour)
        output["output_tokens_details"] = {"thinking_tokens": thought}
    if usage.web_searches:
        searched = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
        output["server_tool_use"] = searched
    return output


def _tools_to_call(request: MessagesRequest, behaviour: Behaviour) -> list[Mapping[str, Any]]:
    tools, kind = request.tools, request.tool_choice.get("type")
    if not tools or kind == "none":
        return []
    last = request.messages[-1]
    asks = last["role"] == "user" and "call" in last_user_text((last,))
    if kind == "tool":
        name = request.tool_choice.get("name")
        tools = [tool for tool in tools if tool.get("name") == name] or tools
    elif kind != "any" and not asks:
        return []
    return [tools[at % len(tools)] for at in range(behaviour.tool_calls)]


def _pieces(
    request: MessagesRequest, behaviour: Behaviour, tool: Mapping[str, Any] | None
) -> Sequence[str]:
    """A block's text, one item a token."""
    if tool is not None:
        return sliced(to_json(fill_schema(tool["input_schema"])).decode())
    if behaviour.echo_prompt:
        return sliced(last_user_text(request.messages))
    return words(request.max_tokens, behaviour)
