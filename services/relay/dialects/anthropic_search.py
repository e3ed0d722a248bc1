"""Anthropic's web search, which the provider runs: how often at the most, and what that brings in.

A search without `max_uses` gets one. The later versions may also run code, unless they are told not
to (`allowed_callers`): that is not offered.
"""

import re
from typing import Any, Final

import orjson

from services.relay.dialects.body import read_count
from services.relay.dialects.json_fields import (
    array_items,
    insert_first,
    replace_values,
    top_level_fields,
)
from services.relay.dialects.tools_as_written import WrittenTool
from services.relay.dialects.tools_asked import USUAL_TOOL_CALLS, HostedTools
from services.relay.errors import invalid_request

_SEARCH: Final = re.compile(r"web_search_[0-9]{8}")
_WITHOUT_CODE: Final = "web_search_20250305"
_DIRECT: Final = ["direct"]
_BOUND: Final = "max_uses"
# The provider pauses a turn after so many rounds, each of which is given what came before. A search
# beyond `max_uses` is answered with an error, and that is a round too: `max_uses` bounds no rounds.
_ROUNDS: Final = 10


def is_search(kind: Any) -> bool:
    """Whether a tool of this type is a web search, of whatever version."""
    return isinstance(kind, str) and _SEARCH.fullmatch(kind) is not None


def max_uses(tool: WrittenTool, values: dict[str, Any], kind: str) -> int | None:
    """How often it may search; null: it does not say. Raises RelayError 400.

    `values` is the same tool as it was parsed.
    """
    callers = tool.sole("allowed_callers")
    if callers != _DIRECT and (callers is not None or kind != _WITHOUT_CODE):
        raise invalid_request(
            "This web search runs code at the provider, which is not offered here, unless its"
            ' `allowed_callers` is `["direct"]`.',
            param="tools",
        )
    tool.sole(_BOUND)
    return read_count(values, _BOUND, minimum=1)


def hosted_searches(uses: list[int | None]) -> HostedTools | None:
    """What these searches of one request come to; null: there are none."""
    if not uses:
        return None
    calls = sum(USUAL_TOOL_CALLS if each is None else each for each in uses)
    return HostedTools((("web_search", calls),), _ROUNDS, _ROUNDS, None in uses)


def with_max_uses(body: bytes) -> bytes:
    """The body with `max_uses` in each search that has none, and every other byte as it was."""
    for field in top_level_fields(body):
        if field.name == "tools":
            tools = body[field.start : field.end]
            bounded = [
                (item, _bounded(tools[item.start : item.end])) for item in array_items(tools)
            ]
            return replace_values(body, [(field, replace_values(tools, bounded))])
    return body


def _bounded(tool: bytes) -> bytes:
    values = orjson.loads(tool)
    if not is_search(values.get("type")) or values.get(_BOUND) is not None:
        return tool
    usual = str(USUAL_TOOL_CALLS).encode()
    for field in top_level_fields(tool):
        if field.name == _BOUND:  # null
            return replace_values(tool, [(field, usual)])
    return insert_first(tool, f'"{_BOUND}":'.encode() + usual)
