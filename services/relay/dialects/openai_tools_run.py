"""Which of its own tools an OpenAI provider ran, each of which it charges by the call."""

from collections import Counter
from typing import Any, Final

# A call is an item of the response, named for the tool.
_RUN: Final = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation",
}
# What an item of a web search did, if it did not search: that is not charged.
_PAGES: Final = ("open_page", "find_in_page")


def tool_calls(response: dict[str, Any]) -> dict[str, int]:
    """How often each was run, by the items of a whole response."""
    items = response.get("output")
    if not isinstance(items, list):
        return {}
    tools = [_tool_of(item) for item in items if isinstance(item, dict)]
    return dict(Counter(tool for tool in tools if tool))


def _tool_of(item: dict[str, Any]) -> str:
    """The tool that it is a call of; empty for anything else."""
    kind = item.get("type")
    tool = _RUN.get(kind, "") if isinstance(kind, str) else ""
    if tool:
        action = item.get("action")
        if isinstance(action, dict) and action.get("type") in _PAGES:
            return ""
    return tool
