"""What of a log row each kind of reader sees. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.logging.rows.rows import json_text

_ADMIN_ONLY = "admin_info"


def admin_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """The whole row; `channel` beside `channel_id`, as existing tools read it."""
    return {**row, "channel": row["channel_id"]}


def user_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the channel's name, and without what `other` has for admins."""
    seen = admin_view(row)
    seen["channel_name"] = ""
    other = orjson.loads(row["other"])
    other.pop(_ADMIN_ONLY, None)
    seen["other"] = json_text(other)
    return seen
