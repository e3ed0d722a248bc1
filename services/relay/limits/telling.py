"""What limits tell of a request: to its event, and to a client that is refused. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.relay.errors import RelayError
from services.relay.limits.limit import Decision, Kind, Limit, Scope, Stood
from services.relay.limits.times import time_of
from shared.events.requests import ErrorCode

_MAX_USES: Final = 8
_WHOSE: Final = {
    Scope.KEY: "this API key",
    Scope.MEMBER: "this workspace in its group",
    Scope.GROUP: "this group",
    Scope.WORKSPACE: "this workspace",
}


def event_fields(all_stood: Sequence[Stood], *, is_refused: bool) -> dict[str, Any]:
    """The event's fields about limits; all of it can be written as JSON."""
    # Those that refused last; where there are too many, those with the most left are not told.
    told = sorted(all_stood, key=lambda each: (not each[1].is_allowed, -each[1].remaining))
    told = told[-_MAX_USES:]
    limit_of_least = min(told, key=lambda each: each[1].remaining)
    return {
        "rate_limited": is_refused,
        "rate_limit_remaining": limit_of_least[1].remaining,
        "rate_limit_reset_at": _reset_at(limit_of_least[1]),
        "limits": [
            {
                "limit": limit.name,
                "allowed": limit.capacity,
                "remaining": left.remaining,
                "reset_at": _reset_at(left),
            }
            for limit, left in told
        ],
    }


def refusal(all_stood: Sequence[Stood], now_ms: int, *, fitting_output_tokens: int) -> RelayError:
    """429: by the first limit that refused. `fitting_output_tokens` is for one of tokens."""
    limit, left = next(each for each in all_stood if not each[1].is_allowed)
    what = f"The limit of {_amount(limit)} of {_WHOSE[limit.scope]}"
    message, headers = f"{what} is reached, {left.remaining} remain.", {}
    if limit.kind is Kind.CONCURRENT:
        message = f"{what} is reached."
    if limit.capacity == 0:
        message = f"{what} allows nothing."
    elif limit.kind is Kind.TOKENS and left.retry_at_ms is None:
        message = f"The request may use more than all of it: {what[0].lower()}{what[1:]}."
        if fitting_output_tokens > 0:
            message += f" It would fit with `max_tokens` up to {fitting_output_tokens}."
        else:
            message += " Its input alone does not fit."
    retry_after_s = _retry_after_s(all_stood, now_ms)
    if retry_after_s is None:
        # Known to the SDKs: they would try again for nothing.
        headers["x-should-retry"] = "false"
    else:
        message += f" Try again in {retry_after_s} s."
    return RelayError(
        ErrorCode.RATE_LIMITED, 429, message, retry_after_s=retry_after_s, headers=headers
    )


def _amount(limit: Limit) -> str:
    if limit.kind is Kind.CONCURRENT:
        return f"{limit.capacity} concurrent requests"
    return f"{limit.capacity} {limit.kind} in {limit.window_ms / 1000:g} s"


def _retry_after_s(all_stood: Sequence[Stood], now_ms: int) -> int | None:
    """Whole seconds until all that refused may let it through; null: one of them never will."""
    times = [left.retry_at_ms for _, left in all_stood if not left.is_allowed]
    latest = now_ms
    for retry_at_ms in times:
        if retry_at_ms is None:
            return None
        latest = max(latest, retry_at_ms)
    return max(1, -(-(latest - now_ms) // 1000))


def _reset_at(left: Decision) -> datetime | None:
    return None if left.reset_at_ms is None else time_of(left.reset_at_ms)
