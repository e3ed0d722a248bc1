"""Anthropic's tools: which of them run at the client, and what they add to the input unseen.

All others run at the provider, bring in input that the request's bytes do not bound, and cost extra
there. Of those, web search is offered (`anthropic_search`).
"""

import re
from typing import Any, Final

from services.relay.dialects.anthropic_search import hosted_searches, is_search, max_uses
from services.relay.dialects.tools_as_written import written_tools
from services.relay.dialects.tools_asked import NO_TOOLS, ToolsAsked
from services.relay.errors import RelayError, invalid_request

# Whatever version of it the date names.
_CLIENTS_OWN: Final = re.compile(r"(?:bash|text_editor|computer|memory)_[a-z0-9_]+")
_CUSTOM: Final = (None, "custom")
_PROVIDERS: Final = (
    *("web_search", "web_fetch", "code_execution", "tool_search_tool", "mcp_toolset", "advisor"),
)
"""Families that are told by name: what a client made up is not repeated."""

# Anthropic's guide "Tool use" tells 264 to 804 tokens for having any tool, 245 for bash, 700 for
# the editor, and 735 and 499 for the computer. A set of tools, such as `computer_toolset_…`, is of
# many.
_HIDDEN_TOKENS: Final = 1_024
_HIDDEN_TOKENS_OF_SET: Final = 16_384
_SET: Final = "_toolset_"


def read_tools(body: bytes, parsed: dict[str, Any]) -> ToolsAsked:
    """The tools of a request. Raises RelayError 400 for one that is not offered."""
    values = parsed.get("tools")
    if not values:
        return NO_TOOLS
    hidden = _HIDDEN_TOKENS
    searches: list[int | None] = []
    for at, tool in enumerate(written_tools(body)):
        kind = tool.sole("type")
        if kind in _CUSTOM:
            continue
        if is_search(kind):
            searches.append(max_uses(tool, values[at], kind))
        elif not isinstance(kind, str) or _CLIENTS_OWN.fullmatch(kind) is None:
            raise _refused(kind)
        hidden += _HIDDEN_TOKENS_OF_SET if _SET in kind else _HIDDEN_TOKENS
    return ToolsAsked(hidden, hosted_searches(searches))


def refuse_tools_in(messages: list[Any]) -> None:
    """Raises RelayError 400 where a message brings a tool's definition."""
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            tool = block.get("tool") if isinstance(block, dict) else None
            if isinstance(tool, dict) and "definition" in tool:
                raise invalid_request("Tools may stand in `tools` only.", param="messages")


def _refused(kind: Any) -> RelayError:
    told = isinstance(kind, str) and next(
        (name for name in _PROVIDERS if kind.startswith(name)), ""
    )
    what = f"The tool `{told}`" if told else "A tool of this type"
    return invalid_request(
        f"{what} runs at the provider and is not offered here. Offered are tools that the client"
        " runs (`custom`, `bash_*`, `text_editor_*`, `computer_*` and `memory_*`), and"
        " `web_search_*` of a date.",
        param="tools",
    )
