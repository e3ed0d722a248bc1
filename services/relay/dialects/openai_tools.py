"""OpenAI's tools: which of them run at the client, and what they add to the input unseen.

All others run at the provider, bring in input that the request's bytes do not bound, and cost extra
there. Of those, web search is offered in responses, whose answers tell how often it searched.
"""

from collections.abc import Set as AbstractSet
from typing import Any, Final

from services.relay.dialects.body import read_count
from services.relay.dialects.json_fields import insert_first, replace_values, top_level_fields
from services.relay.dialects.tools_as_written import tool_types
from services.relay.dialects.tools_asked import (
    NO_TOOLS,
    USUAL_TOOL_CALLS,
    HostedTools,
    ToolsAsked,
)
from services.relay.errors import invalid_request

MAX_TOOL_CALLS: Final = "max_tool_calls"
_CHAT: Final = frozenset({"function", "custom"})
# Named by their type alone: the provider describes them to the model.
_DESCRIBED: Final = frozenset({"local_shell", "apply_patch"})
# Not the previews: their calls have other prices.
_SEARCHES: Final = frozenset({"web_search", "web_search_2025_08_26"})
_RESPONSES: Final = _CHAT | _DESCRIBED | _SEARCHES
# As much as is held for each of Anthropic's own.
_HIDDEN_TOKENS: Final = 1_024


def refuse_chats_hosted_tools(body: bytes, parsed: dict[str, Any]) -> None:
    """Raises RelayError 400 for tools that the provider would run, and charge, by itself."""
    _offered_tools(body, parsed, _CHAT)


def read_responses_tools(body: bytes, parsed: dict[str, Any]) -> ToolsAsked:
    """The tools of a response. Raises RelayError 400 for one that is not offered."""
    kinds = _offered_tools(body, parsed, _RESPONSES)
    if not kinds:
        return NO_TOOLS
    described = sum(kind in _DESCRIBED for kind in kinds)
    searches = any(kind in _SEARCHES for kind in kinds)
    return ToolsAsked(_HIDDEN_TOKENS * described, _searches(parsed) if searches else None)


def with_max_tool_calls(body: bytes) -> bytes:
    """The body with a bound for the provider's tools, which it had none of."""
    usual = str(USUAL_TOOL_CALLS).encode()
    for field in top_level_fields(body):
        if field.name == MAX_TOOL_CALLS:  # null
            return replace_values(body, [(field, usual)])
    return insert_first(body, f'"{MAX_TOOL_CALLS}":'.encode() + usual)


def _searches(parsed: dict[str, Any]) -> HostedTools:
    most = read_count(parsed, MAX_TOOL_CALLS, minimum=1)
    calls = USUAL_TOOL_CALLS if most is None else most
    # The model is asked again after each call; all that it writes counts to the one maximum.
    return HostedTools((("web_search", calls),), calls + 1, 1, most is None)


def _offered_tools(body: bytes, parsed: dict[str, Any], offered: AbstractSet[str]) -> list[str]:
    if not parsed.get("tools"):
        return []
    kinds = tool_types(body)
    for kind in kinds:
        if not isinstance(kind, str) or kind not in offered:
            raise invalid_request(
                "Only these types of tools are offered here: "
                + ", ".join(f"`{name}`" for name in sorted(offered))
                + ".",
                param="tools",
            )
    return kinds
