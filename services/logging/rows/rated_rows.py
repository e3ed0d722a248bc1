"""What a log row says of its use and its price, as the formula takes them. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from shared.money.rated_event import RatedWith, counts_of_usage, rated_with
from shared.money.rating import UnitCounts

_IN_OTHER: Final = (
    *("cache_creation_tokens", "cache_creation_1h_tokens", "image_tokens", "audio_tokens"),
    *("prompt_includes_cached", "output_audio_tokens", "output_image_tokens", "tool_calls"),
)


def units_of(row: Mapping[str, Any], other: Mapping[str, Any]) -> UnitCounts:
    """The tokens of a log row by the kinds that have a price of their own."""
    return counts_of_usage(
        {
            "prompt_tokens": row["prompt_tokens"],
            "completion_tokens": row["completion_tokens"],
            "cached_tokens": other.get("cache_tokens", 0),
            **{name: other[name] for name in _IN_OTHER if name in other},
        }
    )


def rating_of(other: Mapping[str, Any]) -> RatedWith | None:
    """The figures that a row was rated with; None where it was not."""
    return rated_with(other) if "model_ratio" in other else None
