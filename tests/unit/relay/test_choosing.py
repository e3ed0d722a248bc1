"""Which channel is tried: by priority, then by weight, and never the same one twice."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.relay.answering.routing import Route, arrange, choose

CHOICES = 10_000
# The 99.99 % quantile of chi-squared with 3 degrees of freedom.
CHI_SQUARED_3 = 21.1
ROUTES = st.lists(
    st.builds(
        Route, channel_id=st.integers(1, 50), priority=st.integers(-2, 2), weight=st.integers(0, 5)
    ),
    max_size=8,
    unique_by=lambda route: route.channel_id,
)


def route(channel_id: int, *, priority: int = 0, weight: int = 1) -> Route:
    return Route(channel_id=channel_id, priority=priority, weight=weight)


def chosen(*routes: Route, tried: tuple[int, ...] = (), seed: int = 7) -> list[int]:
    tiers, source = arrange(routes), random.Random(seed)  # noqa: S311  # not for secrets
    picks = [choose(tiers, tried=tried, random=source.random) for _ in range(CHOICES)]
    return [pick.channel_id for pick in picks if pick is not None]


def chi_squared(picks: list[int], weights: dict[int, int]) -> float:
    total = sum(weights.values())
    expected = {number: CHOICES * weight / total for number, weight in weights.items()}
    return sum((picks.count(n) - wanted) ** 2 / wanted for n, wanted in expected.items())


def test_channels_are_chosen_in_proportion_to_their_weights() -> None:
    weights = {1: 1, 2: 2, 3: 3, 4: 4}
    picks = chosen(*(route(n, weight=w) for n, w in weights.items()), route(5, weight=0))
    assert len(picks) == CHOICES
    assert 5 not in picks
    assert chi_squared(picks, weights) < CHI_SQUARED_3
    assert chi_squared(picks, {1: 1, 2: 1, 3: 1, 4: 1}) > 10 * CHI_SQUARED_3


def test_what_was_tried_leaves_its_share_to_the_rest_of_its_tier() -> None:
    routes = [route(n, weight=n) for n in range(1, 6)]
    picks = chosen(*routes, tried=(5,))
    assert chi_squared(picks, {1: 1, 2: 2, 3: 3, 4: 4}) < CHI_SQUARED_3


def test_channels_without_weight_are_chosen_evenly_where_nothing_else_is_left() -> None:
    routes = [route(n, weight=0) for n in range(1, 5)]
    assert chi_squared(chosen(*routes), dict.fromkeys(range(1, 5), 1)) < CHI_SQUARED_3
    assert set(chosen(*routes, route(9), tried=())) == {9}
    assert set(chosen(*routes, route(9), tried=(9,))) == {1, 2, 3, 4}


def test_a_lower_priority_waits_for_all_of_the_higher_ones() -> None:
    routes = [route(1, priority=5, weight=0), route(2, priority=5), route(3, priority=1, weight=99)]
    assert set(chosen(*routes)) == {2}
    assert set(chosen(*routes, tried=(2,))) == {1}
    assert set(chosen(*routes, tried=(1, 2))) == {3}
    assert chosen(*routes, tried=(1, 2, 3)) == []


@given(ROUTES, st.randoms(use_true_random=False))
def test_each_is_tried_once_and_in_order_of_priority(
    routes: list[Route], source: random.Random
) -> None:
    tiers, tried = arrange(routes), list[Route]()
    while pick := choose(tiers, tried={t.channel_id for t in tried}, random=source.random):
        tried.append(pick)
    assert sorted(t.channel_id for t in tried) == sorted(r.channel_id for r in routes)
    priorities = [t.priority for t in tried]
    assert priorities == sorted(priorities, reverse=True)


@given(ROUTES.filter(bool))
def test_the_largest_random_number_below_one_chooses_too(routes: list[Route]) -> None:
    assert choose(arrange(routes), tried=(), random=lambda: 1 - 2**-53) is not None
    assert choose(arrange(routes), tried=(), random=lambda: 0.0) is not None
