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


def tool_calls(response: dict[str, Any]) -> dict[str, int]:
    """How often each was run, by the items of a whole response."""
    items = response.get("output")
    if not isinstance(items, list):
        return {}
    kinds = [item.get("type") for item in items if isinstance(item, dict)]
    return dict(Counter(_RUN[kind] for kind in kinds if isinstance(kind, str) and kind in _RUN))
