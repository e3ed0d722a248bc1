"""The whole `other` of a row, as the Log API shows it: of rows of every release. Pure.

A request's row keeps in `other` only what no column has (`stored_other.py`), and nothing that is as
usual. Rows of earlier releases, and those of ledger entries and actions, have it whole.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson

from services.logging.rows.stored_other import RATING_IF_LEFT_OUT, USUAL_SOURCE
from shared.events.requests import ErrorCode, Outcome

NEEDS: Final = (
    *("outcome", "error_code", "status_code", "latency_ms", "first_byte_ms", "provider"),
    *("provider_id", "path", "trace_id"),
)
"""Columns that `other_of` needs beside those that the Log API shows."""
_NAMED_IF_ANY: Final = (
    *("cache_creation_tokens", "cache_creation_1h_tokens", "image_tokens", "audio_tokens"),
    *("reasoning_tokens", "output_audio_tokens", "output_image_tokens", "tool_calls"),
    *("prompt_includes_cached", "suppressed_count", "tags"),
)
_RATING_ALWAYS: Final = (
    *("price_version", "model_ratio", "completion_ratio", "cache_ratio", "cache_creation_ratio"),
    *("cache_creation_1h_ratio", "image_ratio", "audio_ratio", "group_ratio", "user_group_ratio"),
    "model_price",
)
"""Of a rating; its other figures only where they are not as usual."""
_ATTEMPT: Final = (
    *("channel_id", "channel_name", "provider", "provider_id", "credential_id", "upstream_model"),
    *("offset_ms", "latency_ms", "http_status", "error_code"),
)
NAMED_BY_ROW: Final = ("channel_name", "provider", "upstream_model")
"""What an attempt at the row's own channel does not repeat."""


def other_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of it. `row` has the columns of a shown row and NEEDS."""
    stored: dict[str, Any] = orjson.loads(row["other"])
    if row["outcome"] is None:
        return stored
    other: dict[str, Any] = {}
    rating = stored.get("rating")
    if rating is not None:
        other = {n: rating[n] if n in rating else RATING_IF_LEFT_OUT[n] for n in _RATING_ALWAYS}
        other |= {name: value for name, value in rating.items() if name not in other}
    mapped_to = stored.get("upstream_model_name", row["model_name"])
    other |= {
        "cache_tokens": stored.get("cache_tokens", 0),
        "frt": row["first_byte_ms"] or 0,
        "is_model_mapped": stored.get("is_model_mapped", False),
        "upstream_model_name": mapped_to,
        "provider": row["provider"] or "",
        "request_path": row["path"],
        "stream_status": _stream_status(row, stored),
        "usage_source": stored.get("usage_source", USUAL_SOURCE),
        "client_disconnected": stored.get("client_disconnected", False),
        "outcome": row["outcome"],
        "error_code": row["error_code"],
        "http_status": row["status_code"],
        "latency_ms": row["latency_ms"],
    }
    other |= {name: stored[name] for name in _NAMED_IF_ANY if name in stored}
    if row["trace_id"] is not None:
        other["trace"] = UUID(str(row["trace_id"])).hex
    other["admin_info"] = _for_admins(row, stored)
    return other


def _for_admins(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    attempts = [_attempt(row, tried) for tried in stored.get("attempts", ())]
    told = {
        "use_channel": [str(tried["channel_id"] or "") for tried in attempts],
        "attempts": attempts,
        "hold_quota": stored.get("hold_quota", 0),
        "leases": stored.get("leases", []),
    }
    if "limits" in stored:
        told["limits"] = stored["limits"]
    return told


def _attempt(row: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """All its fields, but for the names that its row says."""
    tried: dict[str, Any] = {**dict.fromkeys(_ATTEMPT), **stored}
    if "channel_id" not in stored:
        tried["channel_id"], tried["provider_id"] = row["channel_id"], row["provider_id"]
    if tried["channel_id"] == row["channel_id"]:
        for name in NAMED_BY_ROW:
            del tried[name]
    return tried


def _stream_status(row: Mapping[str, Any], stored: Mapping[str, Any]) -> str | None:
    """Null where it was not a stream."""
    if not row["is_stream"]:
        return None
    if row["error_code"] == ErrorCode.UPSTREAM_CUT:
        return "cut"
    if row["outcome"] != Outcome.SUCCEEDED:
        return "failed"
    return "client_gone" if "client_disconnected" in stored else "completed"
