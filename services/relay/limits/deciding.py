"""Whether a limit lets a request through: (state, now, demand) to (state, decision). Pure.

What counts is use, forgotten as the strategy says, and what requests in flight hold. A request may
hold as many tokens as it can use; when it has ended, what it did use counts instead.
"""

import math
from typing import Final, NamedTuple

from services.relay.limits.bucket import Bucket
from services.relay.limits.fixed_window import FixedWindow
from services.relay.limits.limit import Counting, Decision, Demand, Limit
from services.relay.limits.sliding_window import SlidingWindow

HELD_RETRY_MS: Final = 1000
"""When to try again where requests in flight are in the way: nobody knows when they end."""
ROUNDING: Final = 1e-6
"""A bucket's level is a binary fraction: what lacks less than this of its room fits."""
_LONGEST_MS: Final = 30 * 86_400_000

Use = FixedWindow | SlidingWindow | Bucket


class State(NamedTuple):
    """What one limit has counted."""

    use: Use
    held: int = 0
    """By requests in flight."""


def empty(limit: Limit) -> State:
    """Nothing counted yet."""
    if limit.counting is Counting.FIXED:
        return State(FixedWindow())
    return State(Bucket() if limit.counting is Counting.BUCKET else SlidingWindow())


def decide(state: State, now_ms: int, demand: Demand) -> tuple[State, Decision]:
    """A refusal leaves the state as it was."""
    limit, cost = demand.limit, demand.use + demand.hold
    used = _used(state, limit, now_ms)
    over = used + state.held + cost - limit.capacity
    if over > ROUNDING:
        retry_at_ms = _retry_at(state, limit, now_ms, cost=cost, over=over, used=used)
        refusal = standing(state, now_ms, limit)._replace(is_allowed=False, retry_at_ms=retry_at_ms)
        return state, refusal
    use = state.use.add(limit, now_ms, demand.use) if demand.use else state.use
    taken = State(use, state.held + demand.hold)
    return taken, Decision(
        is_allowed=True,
        remaining=max(0, math.floor(-over + ROUNDING)),
        reset_at_ms=_reset_at(taken, limit, now_ms),
    )


def standing(state: State, now_ms: int, limit: Limit) -> Decision:
    """How a limit stands that had room for a request which another one refused."""
    left = math.floor(limit.capacity - _used(state, limit, now_ms) - state.held + ROUNDING)
    return Decision(
        is_allowed=True, remaining=max(0, left), reset_at_ms=_reset_at(state, limit, now_ms)
    )


def settle(state: State, now_ms: int, limit: Limit, *, held: int, used: int) -> State:
    """A request ended: what it held is free, and what it used counts. Never refused."""
    use = state.use.add(limit, now_ms, used) if used else state.use
    return State(use, state.held - held)


def idle_ms(limit: Limit) -> int:
    """After how long without a word nothing of the use can count any more."""
    if limit.counting is not Counting.BUCKET:
        return 2 * limit.window_ms + 1000
    # Twice: a level may be above the capacity where a request used more than it held.
    runs_out_ms = 2 * limit.capacity / limit.rate if limit.rate > 0 else _LONGEST_MS
    return math.ceil(min(runs_out_ms, _LONGEST_MS)) + 1000


def _used(state: State, limit: Limit, now_ms: int) -> float:
    return 0 if limit.counting is Counting.NONE else state.use.used_at(limit, now_ms)


def _reset_at(state: State, limit: Limit, now_ms: int) -> int | None:
    return None if limit.counting is Counting.NONE else state.use.reset_at(limit, now_ms)


def _retry_at(
    state: State, limit: Limit, now_ms: int, *, cost: int, over: float, used: float
) -> int | None:
    if cost > limit.capacity:
        return None
    if over > used + ROUNDING:
        return now_ms + HELD_RETRY_MS
    return state.use.free_at(limit, now_ms, min(over, used))
