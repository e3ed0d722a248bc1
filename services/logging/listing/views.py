"""What of a log row each kind of reader sees. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from services.logging.rows.other import other_of
from services.logging.rows.rows import json_text

_ADMIN_ONLY: Final = "admin_info"
SHOWN: Final = (
    *("id", "user_id", "created_at", "type", "content", "username", "token_name", "model_name"),
    *("quota", "prompt_tokens", "completion_tokens", "use_time", "is_stream", "channel_id"),
    *("channel_name", "token_id", "group", "ip", "request_id", "upstream_request_id", "other"),
)
"""Columns of a row in the Log API, in its order."""


def admin_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """The whole row; `channel` beside `channel_id`, as existing tools read it."""
    return _view(row, other_of(row))


def user_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the channel's name, and without what `other` has for admins."""
    other = other_of(row)
    other.pop(_ADMIN_ONLY, None)
    return _view(row, other) | {"channel_name": ""}


def _view(row: Mapping[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    seen = {column: row[column] for column in SHOWN}
    return seen | {"channel": row["channel_id"], "other": json_text(other)}
