"""One request from its log row, told whole: for an admin who asks why. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.logging.rows.other import other_of
from services.logging.rows.rated_rows import rating_of, units_of
from shared.money.formula import formula
from shared.money.rating import rate

_FROM_ROW: Final = (
    *("request_id", "upstream_request_id", "created_at", "content", "user_id", "username"),
    *("token_id", "token_name", "group", "model_name", "channel_id", "channel_name", "ip"),
    "is_stream",
)
_FROM_OTHER: Final = (
    *("outcome", "error_code", "http_status", "client_disconnected", "stream_status"),
    *("latency_ms", "provider", "upstream_model_name", "is_model_mapped", "request_path"),
    *("suppressed_count", "tags", "trace"),
)
_RATIOS: Final = (
    *("price_version", "model_ratio", "completion_ratio", "cache_ratio", "cache_creation_ratio"),
    *("cache_creation_1h_ratio", "image_ratio", "audio_ratio", "group_ratio", "user_group_ratio"),
    *("model_price", "output_audio_ratio", "output_image_ratio", "tier_above_tokens"),
    *("service_tier", "service_tier_ratio", "tool_prices"),
)

_ATTEMPT: Final = (
    *("channel_id", "channel_name", "provider", "provider_id", "credential_id", "upstream_model"),
    *("offset_ms", "latency_ms", "http_status", "error_code"),
)


def explain(row: Mapping[str, Any], *, others: Sequence[str] = ()) -> dict[str, Any]:
    """What is known of a request, by what it is about. Null: not known, or there was none.

    `others`: requests to which the upstream gave the same id.
    """
    other = other_of(row)
    admin = other.get("admin_info", {})
    return {
        **{name: row[name] for name in _FROM_ROW},
        **{name: other.get(name) for name in _FROM_OTHER},
        "first_byte_ms": other.get("frt") or None,
        "attempts": [_tried(tried, row, other) for tried in admin.get("attempts", [])],
        "limits": admin.get("limits", []),
        "hold": {"quota": admin.get("hold_quota"), "leases": admin.get("leases", [])},
        "usage": {**units_of(row, other)._asdict(), "source": other.get("usage_source")},
        "charge": {"quota": row["quota"], **_rating(row, other)},
        "same_upstream_id": list(others),
    }


def _tried(
    tried: Mapping[str, Any], row: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    """An attempt, with what its row says of its channel (`other.NAMED_BY_ROW`)."""
    named = {}
    if tried.get("channel_id") == row["channel_id"]:
        named = {
            "channel_name": row["channel_name"],
            "provider": other.get("provider"),
            "upstream_model": other.get("upstream_model_name"),
        }
    return {**dict.fromkeys(_ATTEMPT), **named, **tried}


def _rating(row: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The formula; none where nothing was counted: the call is free, or had no answer."""
    rating = rating_of(other)
    is_uncounted = not row["quota"] and other.get("usage_source") == "none"
    if rating is None or is_uncounted:
        return {"formula": None, "rated_quota": None, "ratios": None}
    units = units_of(row, other)
    price, group_ratio, tier, tier_ratio = rating
    return {
        "formula": formula(
            units, price, group_ratio, service_tier=tier, service_tier_ratio=tier_ratio
        ),
        "rated_quota": rate(units, price, group_ratio, tier_ratio),
        "ratios": {name: other.get(name) for name in _RATIOS},
    }
