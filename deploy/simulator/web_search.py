"""Searching the web, which the simulated provider does by itself where a request offers it."""

from collections.abc import Iterable
from typing import Any, Final

from deploy.simulator.misbehaviour import Behaviour

SEARCH_TOKENS: Final = 600
"""Of input, for what one search finds."""
QUERY: Final = "what is new"
UNBOUNDED_SEARCHES: Final = 100
"""What a request that names no bound may come to."""


def offered_searches(tools: Iterable[Any], bound_of_all: Any = None) -> int:
    """How many searches a request allows: of all its tools together, or by each one's own bound."""
    bounds = [
        tool.get("max_uses") or UNBOUNDED_SEARCHES
        for tool in tools
        if isinstance(tool, dict) and str(tool.get("type")).startswith("web_search")
    ]
    return min(sum(bounds), bound_of_all or UNBOUNDED_SEARCHES)


def searches_made(offered: int, behaviour: Behaviour) -> int:
    """How many are made: one, unless something else is simulated, and never more than allowed."""
    wanted = 1 if behaviour.web_searches is None else behaviour.web_searches
    return min(offered, wanted)
