"""What limits tell a client on each answer, in headers. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from services.relay.limits.limit import Counting, Decision, Kind, Limit, Stood
from services.relay.limits.times import time_of

_QUOTA_UNITS: Final = {Kind.TOKENS: "tokens", Kind.CONCURRENT: "concurrent-requests"}
_RFC3339: Final = "%Y-%m-%dT%H:%M:%SZ"
_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS
_HOUR_MS: Final = 60 * _MINUTE_MS


def headers_of(all_stood: Sequence[Stood], now_ms: int, *, dialect: str) -> dict[str, str]:
    """For the answer, whatever it is: OpenAI's names, the IETF's, and Anthropic's for its own.

    OpenAI's tell of the limit of each kind with the least remaining, the IETF's of all.
    """
    headers = {
        "RateLimit-Policy": ", ".join(_policy(limit) for limit, _ in all_stood),
        "RateLimit": ", ".join(_left(limit, left, now_ms) for limit, left in all_stood),
    }
    for kind in (Kind.REQUESTS, Kind.TOKENS):
        of_kind = [each for each in all_stood if each[0].kind is kind]
        if not of_kind:
            continue
        limit, left = min(of_kind, key=lambda each: (each[1].remaining, -_resets_in(each, now_ms)))
        resets_in_ms = _resets_in((limit, left), now_ms)
        headers[f"x-ratelimit-limit-{kind}"] = str(limit.capacity)
        headers[f"x-ratelimit-remaining-{kind}"] = str(left.remaining)
        headers[f"x-ratelimit-reset-{kind}"] = duration(resets_in_ms)
        if dialect == "anthropic":
            prefix = f"anthropic-ratelimit-{kind}"
            headers[f"{prefix}-limit"] = str(limit.capacity)
            headers[f"{prefix}-remaining"] = str(left.remaining)
            headers[f"{prefix}-reset"] = time_of(now_ms + resets_in_ms).strftime(_RFC3339)
    return headers


def duration(ms: int) -> str:
    """As OpenAI writes them: `12ms`, `1s`, `6m0s`, `23h47m36.648s`."""
    if ms < _SECOND_MS:
        return f"{ms}ms" if ms > 0 else "0s"
    hours, rest = divmod(ms, _HOUR_MS)
    minutes, rest = divmod(rest, _MINUTE_MS)
    seconds = f"{rest / _SECOND_MS:g}s" if rest % _SECOND_MS else f"{rest // _SECOND_MS}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


@lru_cache(1024)
def _policy(limit: Limit) -> str:
    window = f";w={-(-limit.window_ms // _SECOND_MS)}" if limit.window_ms else ""
    unit = f';qu="{_QUOTA_UNITS[limit.kind]}"' if limit.kind in _QUOTA_UNITS else ""
    return f'"{_policy_name(limit)}";q={limit.capacity}{window}{unit}'


def _left(limit: Limit, left: Decision, now_ms: int) -> str:
    told = f'"{_policy_name(limit)}";r={left.remaining}'
    if limit.counting is Counting.NONE:
        return told
    return f"{told};t={-(-_resets_in((limit, left), now_ms) // _SECOND_MS)}"


def _policy_name(limit: Limit) -> str:
    return limit.name.replace(":", "-")


def _resets_in(each: Stood, now_ms: int) -> int:
    reset_at_ms = each[1].reset_at_ms
    return 0 if reset_at_ms is None else max(0, reset_at_ms - now_ms)
