"""Models as Anthropic's clients expect them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.relay.errors import invalid_request
from shared.events.routing import ModelChanged

_DEFAULT_LIMIT: Final = 20
_MAX_LIMIT: Final = 1000


def claude_model(model: ModelChanged) -> dict[str, Any]:
    """One model."""
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": datetime.fromtimestamp(model.created, UTC).isoformat(),
        "max_tokens": model.max_output_tokens,
        "lifecycle": "active",
    }


def claude_page(models: Sequence[ModelChanged], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of the models, by `limit`, and `after_id` or `before_id`. Raises RelayError 400.

    An id that is not among them is no place to begin from: the page is empty.
    """
    limit = _limit(query.get("limit"))
    names = [model.name for model in models]
    after, before = query.get("after_id"), query.get("before_id")
    start, end = 0, len(models)
    if after is not None:
        start = names.index(after) + 1 if after in names else end
    elif before is not None:
        end = names.index(before) if before in names else start
    rest = models[start:end]
    page = rest[-limit:] if before is not None and after is None else rest[:limit]
    return {
        "data": [claude_model(model) for model in page],
        "has_more": len(page) < len(rest),
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
    }


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_LIMIT))):
        raise invalid_request("`limit` must be a number.", param="limit")
    limit = int(text)
    if not 1 <= limit <= _MAX_LIMIT:
        raise invalid_request(f"`limit` must be between 1 and {_MAX_LIMIT}.", param="limit")
    return limit
