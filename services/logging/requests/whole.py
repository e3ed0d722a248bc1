"""One request whole: its item, its attempts, its limits, and how its charge came about. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from services.logging.listing.explaining import explain
from services.logging.requests.shown import item_of

_TOLD: Final = (
    *("content", "client_disconnected", "stream_status", "upstream_model_name"),
    *("is_model_mapped", "suppressed_count", "tags", "attempts", "limits", "usage", "charge"),
)
_NOT_FOR_USERS: Final = frozenset({"channel_name", "credential_id"})


def whole(row: Mapping[str, Any], *, for_admin: bool) -> dict[str, Any]:
    """What the caller may know of it. Null: not known, or there was none."""
    told = explain(row)
    shown = {
        **item_of(row, for_admin=for_admin),
        **{name: told[name] for name in _TOLD},
        "hold": told["hold"],
    }
    if not for_admin:
        shown["attempts"] = [_for_user(tried) for tried in told["attempts"]]
        shown["hold"] = {"quota": told["hold"]["quota"]}
    return shown


def _for_user(tried: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tried.items() if name not in _NOT_FOR_USERS}
