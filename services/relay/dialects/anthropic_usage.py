"""Anthropic's usage, made sound: each figure one that can be, or none of them.

`input_tokens` leaves out what was read from the cache and what was written to it.
"""

from typing import Any, Final

from services.relay.dialects.figures import sound_tier, sound_tokens
from shared.events.usage import Usage

_IMPOSSIBLE: Final = -1
_TOOLS: Final = {f"{name}_requests": name for name in ("web_search", "web_fetch", "code_execution")}
"""What counts the calls of the tools that the provider runs, and the tools' names."""


def read_usage(reported: Any) -> Usage | None:
    """The usage, or null where none can be made of what was reported.

    A negative or impossibly large figure that is charged by spoils all of it: the charge is then
    estimated, and says so. What is not told of the cache is none.
    """
    if not isinstance(reported, dict):
        return None
    output = sound_tokens(reported.get("output_tokens"))
    told = read_input(reported)
    if output is None or told is None:
        return None
    details = reported.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else None
    used: dict[str, Any] = {
        "completion_tokens": output,
        "reasoning_tokens": min(output, sound_tokens(thought) or 0),
    }
    if run := reported.get("server_tool_use"):
        used["tool_calls"] = _calls(run)
    return told.model_copy(update=used)


def read_input(reported: dict[str, Any]) -> Usage | None:
    """The input side alone; the output is 0. Null as for all of it."""
    split = reported.get("cache_creation")
    if not isinstance(split, dict):
        split = {}
    for_5m = _cache_tokens(split.get("ephemeral_5m_input_tokens"))
    for_1h = _cache_tokens(split.get("ephemeral_1h_input_tokens"))
    written = _cache_tokens(reported.get("cache_creation_input_tokens"))
    read = _cache_tokens(reported.get("cache_read_input_tokens"))
    plain = sound_tokens(reported.get("input_tokens"))
    if plain is None or min(for_5m, for_1h, written, read) == _IMPOSSIBLE:
        return None
    return Usage(
        prompt_tokens=plain,
        cached_tokens=read,
        # Some tell the split and no sum.
        cache_creation_tokens=max(written, for_5m + for_1h),
        cache_creation_1h_tokens=for_1h,
        prompt_includes_cached=False,
        service_tier=sound_tier(reported.get("service_tier")),
    )


def _calls(told: Any) -> dict[str, int]:
    """How often the provider ran which of its tools."""
    if not isinstance(told, dict):
        return {}
    return {tool: calls for name, tool in _TOOLS.items() if (calls := sound_tokens(told.get(name)))}


def _cache_tokens(value: Any) -> int:
    """0 where nothing was told."""
    if value is None:
        return 0
    tokens = sound_tokens(value)
    return _IMPOSSIBLE if tokens is None else tokens
