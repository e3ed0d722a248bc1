"""Anthropic's usage, made sound: each figure one that can be, or none of them.

`input_tokens` leaves out what was read from the cache and what was written to it.
"""

from typing import Any, Final

from services.relay.dialects.figures import sound_tokens
from shared.events.usage import Usage

_IMPOSSIBLE: Final = -1


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
    return told.model_copy(
        update={
            "completion_tokens": output,
            "reasoning_tokens": min(output, sound_tokens(thought) or 0),
        }
    )


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
    )


def _cache_tokens(value: Any) -> int:
    """0 where nothing was told."""
    if value is None:
        return 0
    tokens = sound_tokens(value)
    return _IMPOSSIBLE if tokens is None else tokens
