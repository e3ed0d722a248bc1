"""What a request's tools come to: what they add to its input unseen, and what the provider runs."""

from typing import Final, NamedTuple

USUAL_TOOL_CALLS: Final = 5
"""How often the provider may run a tool where the request does not say."""


class HostedTools(NamedTuple):
    """The tools of a request that the provider runs by itself, and how often at the most."""

    calls: tuple[tuple[str, int], ...]
    """By the tool's name in the price book."""
    inputs: int
    """How often the model may be given its whole context: what a tool brings in is input."""
    outputs: int
    """How often it may give an answer of the maximum."""
    needs_bound: bool
    """The request does not say how often: `upstream_body` writes it."""


class ToolsAsked(NamedTuple):
    """All of a request's tools."""

    hidden_tokens: int
    """The most that they can add to the input beyond their own bytes."""
    hosted: HostedTools | None
    """Those that the provider runs."""


NO_TOOLS: Final = ToolsAsked(0, None)
