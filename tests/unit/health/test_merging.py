"""What all relays together say of a channel."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.events.requests import ErrorCode
from shared.health.merging import FORGOTTEN_AFTER, merge

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def view(
    relay: str, *, changed: float, until: float | None = None, **fields: Any
) -> ChannelHealthChanged:
    state = HealthState.HEALTHY if until is None else HealthState.RESTING
    values: dict[str, Any] = {"state": state, "reason": None}
    if until is not None:
        values |= {"reason": ErrorCode.UPSTREAM_CUT, "consecutive_failures": 5}
    return ChannelHealthChanged(
        channel_id=1,
        relay_id=relay,
        rests_until=None if until is None else at(until),
        changed_at=at(changed),
        **values | fields,
    )


def refusal(credential_id: int, since: float) -> CredentialHealth:
    code = ErrorCode.UPSTREAM_AUTHENTICATION
    return CredentialHealth(credential_id=credential_id, reason=code, since=at(since))


def test_it_rests_while_any_relay_says_so() -> None:
    views = [view("a", changed=0, until=10), view("b", changed=2), view("c", changed=1, until=20)]
    standing = merge(views, reset_at=None, now=at(5))
    assert standing.is_resting
    assert (standing.rests_until, standing.since) == (at(20), at(0))
    assert standing.reason is ErrorCode.UPSTREAM_CUT


def test_after_its_rest_it_is_well_when_some_relay_has_found_so() -> None:
    resting = view("a", changed=0, until=10)
    assert merge([resting], reset_at=None, now=at(11)).is_resting
    assert merge([resting, view("b", changed=9)], reset_at=None, now=at(11)).is_resting
    assert not merge([resting, view("b", changed=10)], reset_at=None, now=at(11)).is_resting


def test_a_rate_limit_ends_by_itself() -> None:
    resting = view("a", changed=0, until=10, reason=ErrorCode.UPSTREAM_RATE_LIMITED)
    assert merge([resting], reset_at=None, now=at(9.999)).is_resting
    assert not merge([resting], reset_at=None, now=at(10)).is_resting


def test_a_relay_that_died_is_forgotten() -> None:
    resting = view("a", changed=0, until=10)
    last = at(10) + FORGOTTEN_AFTER
    assert merge([resting], reset_at=None, now=last - timedelta(microseconds=1)).is_resting
    assert not merge([resting], reset_at=None, now=last).is_resting


def test_what_is_not_later_than_the_reset_is_void() -> None:
    refused = view("a", changed=5, until=60, refused_credentials=(refusal(7, 4), refusal(8, 5)))
    standing = merge([refused], reset_at=at(5), now=at(6))
    assert not standing.is_resting
    assert not standing.refused
    standing = merge([refused], reset_at=at(4), now=at(6))
    assert standing.is_resting
    assert set(standing.refused) == {8}


def test_the_first_refusal_of_a_credential_is_the_one_that_is_told() -> None:
    views = [
        view("a", changed=9, refused_credentials=(refusal(7, 9),)),
        view("b", changed=3, refused_credentials=(refusal(7, 3), refusal(8, 2))),
    ]
    refused = merge(views, reset_at=None, now=at(10)).refused
    assert {one: told.since for one, told in refused.items()} == {7: at(3), 8: at(2)}


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.one_of(st.none(), st.integers(0, 100))), max_size=6
    ).flatmap(lambda views: st.tuples(st.just(views), st.permutations(range(len(views))))),
    st.integers(0, 200),
)
def test_the_order_in_which_views_come_is_nothing(
    drawn: tuple[list[tuple[int, int | None]], list[int]], now: int
) -> None:
    told, order = drawn
    views = [view(f"r{n}", changed=c, until=u) for n, (c, u) in enumerate(told)]
    first = merge(views, reset_at=None, now=at(now))
    second = merge([views[n] for n in order], reset_at=None, now=at(now))
    assert first == second
    if any(u is not None and now < u for _, u in told):
        assert first.is_resting
