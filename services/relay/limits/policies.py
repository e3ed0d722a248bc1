"""From what control says a key, a group or a workspace may do, to limits. Pure."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from services.relay.limits.limit import Counting, Kind, Limit, Scope
from shared.events.limits import LimitChanged, RateLimitStrategy, RequestLimits

_MINUTE_MS: Final = 60_000
_MOST: Final = 10**12
"""No gateway gets near it in a window; up to here the arithmetic of both stores is exact."""
_COUNTINGS: Final = {
    RateLimitStrategy.SLIDING_WINDOW: Counting.SLIDING,
    RateLimitStrategy.FIXED_WINDOW: Counting.FIXED,
    RateLimitStrategy.TOKEN_BUCKET: Counting.BUCKET,
    RateLimitStrategy.LEAKY_BUCKET: Counting.BUCKET,
}
_REMEMBERED: Final = 20_000


@lru_cache(_REMEMBERED)
def limits_of(limits: RequestLimits, scope: Scope, subject: str) -> tuple[Limit, ...]:
    """The limits of a key or a group. `subject` is whom they count, such as `key:17`."""
    made = []
    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    if requests is not None:
        capacity = requests if limits.bucket_size is None else limits.bucket_size
        made.append(
            _a_minute(limits, scope, Kind.REQUESTS, subject, amount=requests, capacity=capacity)
        )
    if tokens is not None:
        capacity = tokens
        if limits.bucket_size is not None and requests:
            capacity = tokens * limits.bucket_size // requests
        made.append(
            _a_minute(limits, scope, Kind.TOKENS, subject, amount=tokens, capacity=capacity)
        )
    if limits.concurrent_requests is not None:
        made.append(
            Limit(
                name=f"{scope}:{Kind.CONCURRENT}",
                subject=f"{subject}:{Kind.CONCURRENT}",
                scope=scope,
                kind=Kind.CONCURRENT,
                counting=Counting.NONE,
                capacity=min(limits.concurrent_requests, _MOST),
            )
        )
    return tuple(made)


class Rule(NamedTuple):
    """A workspace's rule, ready to be held against calls."""

    limit: Limit
    priority: int
    method: str
    path: re.Pattern[str]

    def fits(self, method: str, path: str) -> bool:
        """Whether the call is one that it limits."""
        return self.method in ("*", method) and self.path.fullmatch(path) is not None


def rule_of(changed: LimitChanged) -> Rule:
    """The rule of a row. In its path `*` stands for anything, slashes too."""
    counting = _COUNTINGS[changed.strategy]
    requests = min(changed.requests, _MOST)
    capacity, rate = requests, requests / changed.window_ms
    if counting is Counting.BUCKET:
        capacity = requests if changed.bucket_size is None else min(changed.bucket_size, _MOST)
        is_token = changed.strategy is RateLimitStrategy.TOKEN_BUCKET
        a_second = changed.refill_rate if is_token else changed.slope
        rate = rate if a_second is None else float(a_second) / 1000
    limit = Limit(
        name=f"{Scope.WORKSPACE}:{changed.limit_id}",
        subject=f"limit:{changed.limit_id}:{counting}:{changed.window_ms}",
        scope=Scope.WORKSPACE,
        kind=Kind.REQUESTS,
        counting=counting,
        capacity=capacity,
        window_ms=changed.window_ms,
        rate=rate,
    )
    return Rule(limit, changed.priority, changed.method.upper(), _pattern(changed.path_pattern))


def _pattern(path: str) -> re.Pattern[str]:
    """Each `*` takes as little as will do and never more: many of them must not take long."""
    first, *parts = path.split("*")
    if not parts:
        return re.compile(re.escape(first))
    *middle, last = parts
    found = "".join(f"(?>.*?{re.escape(part)})" for part in middle if part)
    return re.compile(f"{re.escape(first)}{found}.*{re.escape(last)}")


def _a_minute(
    limits: RequestLimits, scope: Scope, kind: Kind, subject: str, *, amount: int, capacity: int
) -> Limit:
    counting = _COUNTINGS[limits.strategy]
    is_bucket = counting is Counting.BUCKET
    return Limit(
        name=f"{scope}:{kind}",
        # Another strategy counts anew; another amount does not.
        subject=f"{subject}:{kind}:{counting}:{_MINUTE_MS}",
        scope=scope,
        kind=kind,
        counting=counting,
        capacity=min(capacity if is_bucket else amount, _MOST),
        window_ms=_MINUTE_MS,
        rate=min(amount, _MOST) / _MINUTE_MS,
    )
