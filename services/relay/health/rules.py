"""How one relay judges one channel by what became of its requests. Pure: time and chance come in.

- A failure of the channel is one that another channel might not have had: no connection, a
  time-out, a 5xx, an answer that is malformed or cut, also in the middle of a stream.
- `failures_to_rest` of them in a row, and it rests. Each probe that fails doubles the rest.
- Many a request is under way when a channel breaks: what began before the rest, or was sent into
  it for want of another channel, makes it no longer.
- 429 is a wish and no failure: it rests for `Retry-After`, or briefly, and goes on without a probe.
- What one client can ask for is no failure either: an answer that is too large, or a request that
  is too large for a gateway's balance.
- A refused credential is not judged here, and a client's own mistake says that the channel answers.
"""

from typing import Final, NamedTuple

from shared.events.health import HealthState
from shared.events.requests import ErrorCode

FAILURES: Final = frozenset(
    {
        ErrorCode.UPSTREAM_CONNECTION,
        ErrorCode.UPSTREAM_TIMEOUT,
        ErrorCode.UPSTREAM_SERVER_ERROR,
        ErrorCode.UPSTREAM_MALFORMED,
        ErrorCode.UPSTREAM_CUT,
    }
)
_MAX_DOUBLINGS: Final = 30


class HealthLimits(NamedTuple):
    """The operator's choice. Times in seconds."""

    failures_to_rest: int = 5
    rest_s: float = 5.0
    """The first rest; each probe that fails doubles it."""
    max_rest_s: float = 300.0
    rate_limited_rest_s: float = 2.0
    """After a 429 that names no time."""
    jitter: float = 0.2
    """How much shorter a rest may be, so that relays do not all try at the same moment."""
    probe_s: float = 15.0
    """How long a probe may take before another request may be one too."""


class Condition(NamedTuple):
    """What a relay has found. Times are Unix seconds."""

    state: HealthState = HealthState.HEALTHY
    reason: ErrorCode | None = None
    failures: int = 0
    """In a row, without a success between them."""
    rests_until: float = 0.0
    changed_at: float = 0.0
    """When `state` or `rests_until` last became what it is."""


def after_success(condition: Condition, *, now: float) -> Condition:
    """It answered."""
    if condition.state is HealthState.RESTING:
        return Condition(changed_at=now)
    return Condition(changed_at=condition.changed_at)


def after_failure(
    condition: Condition,
    code: ErrorCode,
    *,
    now: float,
    is_probe: bool,
    known_failures: int,
    retry_after_s: float | None,
    limits: HealthLimits,
    random: float,
) -> Condition:
    """It failed. `known_failures` is what any relay counted before; `random` is in [0, 1)."""
    if condition.state is HealthState.RESTING and not is_probe:
        return condition
    failures = condition.failures + 1
    if is_probe:
        failures = max(condition.failures, known_failures, limits.failures_to_rest - 1) + 1
    if failures < limits.failures_to_rest:
        return condition._replace(reason=code, failures=failures)
    doublings = min(failures - limits.failures_to_rest, _MAX_DOUBLINGS)
    rest_s = min(limits.max_rest_s, limits.rest_s * 2.0**doublings) * (1 - limits.jitter * random)
    asked_s = min(retry_after_s or 0.0, limits.max_rest_s)
    return Condition(HealthState.RESTING, code, failures, now + max(rest_s, asked_s), now)


def after_rate_limit(
    condition: Condition, *, now: float, is_probe: bool, until: float
) -> Condition:
    """It answered 429: it rests for so long, and for longer where it was told so before."""
    is_broken = (
        condition.state is HealthState.RESTING
        and condition.reason is not ErrorCode.UPSTREAM_RATE_LIMITED
    )
    if is_broken and not is_probe:
        return condition
    if not is_broken and condition.rests_until >= until:
        return condition
    return Condition(HealthState.RESTING, ErrorCode.UPSTREAM_RATE_LIMITED, 0, until, now)


def rate_limited_for_s(
    retry_after_s: float | None, *, limits: HealthLimits, random: float
) -> float:
    """How long something rests after a 429, in seconds."""
    if retry_after_s is None:
        return limits.rate_limited_rest_s * (1 + limits.jitter * random)
    return min(max(retry_after_s, 0.0), limits.max_rest_s)


def retry_after_s(header: str | None) -> float | None:
    """`Retry-After` in seconds; None where it names none, or a date."""
    if header is None or not header.isascii() or not header.isdigit() or len(header) > 9:  # noqa: PLR2004 - longer is no wish
        return None
    return float(header)
