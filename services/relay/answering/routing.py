"""Which channel to try next. Pure: the random number comes in as a value.

A channel of the highest priority that was not tried yet, by weight; then the next priority. A
channel is never tried twice in one request.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What choosing needs to know of a channel."""

    channel_id: int
    priority: int
    weight: int


_Route = TypeVar("_Route", bound=Route)

Tier = tuple[_Route, ...]
"""The channels of one priority."""


def arrange(routes: Iterable[_Route]) -> tuple[Tier[_Route], ...]:
    """Tiers by priority, the highest first."""
    ordered = sorted(routes, key=lambda route: (-route.priority, route.channel_id))
    return tuple(tuple(group) for _, group in groupby(ordered, key=lambda route: route.priority))


def choose(
    tiers: Iterable[Tier[_Route]], *, tried: Collection[int], random: Callable[[], float]
) -> _Route | None:
    """The next channel; null: all were tried. `random` gives a number in [0, 1).

    Within a tier a channel is chosen with probability weight / sum of weights. Weight 0 is chosen
    only where nothing else of the tier is left, and then evenly.
    """
    for tier in tiers:
        if not tried and len(tier) == 1:
            return tier[0]
        left = [route for route in tier if route.channel_id not in tried]
        if not left:
            continue
        if len(left) == 1:
            return left[0]
        total = sum(route.weight for route in left)
        if total == 0:
            return left[int(random() * len(left))]
        point = random() * total
        for route in left:
            point -= route.weight
            if point < 0:
                return route
        return next(route for route in reversed(left) if route.weight)
    return None
