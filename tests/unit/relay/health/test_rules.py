"""When a channel rests, and for how long."""

from hypothesis import given
from hypothesis import strategies as st

from services.relay.health.rules import (
    FAILURES,
    Condition,
    HealthLimits,
    after_failure,
    after_rate_limit,
    after_success,
    rate_limited_for_s,
    retry_after_s,
)
from shared.events.health import HealthState
from shared.events.requests import ErrorCode

LIMITS = HealthLimits()
CODES = st.sampled_from(sorted(FAILURES))
CHANCE = st.floats(0, 1, exclude_max=True)
ERROR = ErrorCode.UPSTREAM_SERVER_ERROR


def fail(
    condition: Condition, now: float, *, is_probe: bool = False, **changes: float
) -> Condition:
    return after_failure(
        condition,
        ERROR,
        now=now,
        is_probe=is_probe,
        known_failures=int(changes.get("known", 0)),
        retry_after_s=changes.get("retry_after_s"),
        limits=LIMITS,
        random=changes.get("random", 0.0),
    )


def failed(times: int) -> Condition:
    condition = Condition()
    for _ in range(times):
        condition = fail(condition, 100.0)
    return condition


def test_it_rests_at_the_threshold_and_not_one_failure_before() -> None:
    before = failed(LIMITS.failures_to_rest - 1)
    assert (before.state, before.changed_at) == (HealthState.HEALTHY, 0.0)
    at = failed(LIMITS.failures_to_rest)
    assert at.state is HealthState.RESTING
    assert (at.rests_until, at.changed_at, at.reason) == (100.0 + LIMITS.rest_s, 100.0, ERROR)


def test_one_success_between_them_begins_the_count_anew() -> None:
    condition = after_success(failed(LIMITS.failures_to_rest - 1), now=100.0)
    assert condition.failures == 0
    assert fail(condition, 101.0).state is HealthState.HEALTHY


def test_what_was_under_way_when_it_broke_makes_the_rest_no_longer() -> None:
    resting = failed(LIMITS.failures_to_rest)
    assert fail(resting, 101.0) == resting
    assert fail(resting, 1_000.0) == resting


@given(probes=st.integers(0, 200), random=CHANCE)
def test_each_probe_that_fails_doubles_the_rest_up_to_the_cap(probes: int, random: float) -> None:
    condition, now, last = failed(LIMITS.failures_to_rest), 100.0, LIMITS.rest_s
    for number in range(1, probes + 1):
        now = condition.rests_until
        condition = fail(condition, now, is_probe=True, random=random)
        rest_s = condition.rests_until - now
        full_s = min(LIMITS.max_rest_s, LIMITS.rest_s * 2.0 ** min(number, 30))
        assert full_s * (1 - LIMITS.jitter) - 1e-6 <= rest_s <= full_s + 1e-6
        assert rest_s >= last * (1 - LIMITS.jitter) - 1e-6
        last = rest_s
    assert condition.rests_until - now <= LIMITS.max_rest_s + 1e-6


@given(known=st.integers(LIMITS.failures_to_rest, 10_000))
def test_a_probe_for_another_relay_goes_on_from_that_ones_count(known: int) -> None:
    condition = fail(Condition(), 100.0, is_probe=True, known=known)
    assert condition.state is HealthState.RESTING
    assert condition.failures == known + 1


@given(st.floats(0, 1e9), CHANCE)
def test_a_wish_for_longer_is_followed_up_to_the_cap(asked: float, random: float) -> None:
    condition = Condition()
    for _ in range(LIMITS.failures_to_rest):
        condition = fail(condition, 100.0, retry_after_s=asked, random=random)
    rest_s = condition.rests_until - 100.0
    assert rest_s <= LIMITS.max_rest_s + 1e-6
    assert rest_s >= min(asked, LIMITS.max_rest_s) - 1e-6


@given(
    st.lists(st.one_of(CODES.map(lambda code: ("fail", code)), st.just(("ok", None))), max_size=60)
)
def test_it_rests_just_when_so_many_came_in_a_row(outcomes: list[tuple[str, ErrorCode]]) -> None:
    condition, run = Condition(), 0
    for kind, code in outcomes:
        if kind == "ok":
            condition, run = after_success(condition, now=1.0), 0
        else:
            run += 1
            condition = after_failure(
                condition, code, now=1.0, is_probe=False, known_failures=0, retry_after_s=None,
                limits=LIMITS, random=0.0,
            )  # fmt: skip
        assert (condition.state is HealthState.RESTING) == (run >= LIMITS.failures_to_rest)


def test_a_rate_limit_rests_it_at_once_and_is_no_failure() -> None:
    condition = after_rate_limit(Condition(), now=100.0, is_probe=False, until=107.0)
    assert (condition.state, condition.rests_until) == (HealthState.RESTING, 107.0)
    assert (condition.reason, condition.failures) == (ErrorCode.UPSTREAM_RATE_LIMITED, 0)


def test_a_shorter_wish_does_not_end_a_longer_rest() -> None:
    long = after_rate_limit(Condition(), now=100.0, is_probe=False, until=160.0)
    assert after_rate_limit(long, now=101.0, is_probe=False, until=103.0) == long
    longer = after_rate_limit(long, now=101.0, is_probe=False, until=170.0)
    assert longer.rests_until == 170.0


def test_a_rate_limit_does_not_excuse_a_channel_that_is_broken() -> None:
    broken = failed(LIMITS.failures_to_rest)
    assert after_rate_limit(broken, now=101.0, is_probe=False, until=101.5) == broken
    probed = after_rate_limit(broken, now=106.0, is_probe=True, until=108.0)
    assert probed.reason is ErrorCode.UPSTREAM_RATE_LIMITED


@given(st.one_of(st.none(), st.floats(-1e6, 1e9)), CHANCE)
def test_a_rate_limited_rest_is_bounded(asked: float | None, random: float) -> None:
    length_s = rate_limited_for_s(asked, limits=LIMITS, random=random)
    assert 0 <= length_s <= LIMITS.max_rest_s
    if asked is None:
        assert length_s >= LIMITS.rate_limited_rest_s


def test_retry_after_is_whole_seconds_or_nothing() -> None:
    assert retry_after_s("7") == 7.0
    for odd in (None, "", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 10, "٣", "1e3"):
        assert retry_after_s(odd) is None


def test_what_a_client_did_is_no_failure_of_the_channels() -> None:
    assert ErrorCode.UPSTREAM_CLIENT_ERROR not in FAILURES
    assert ErrorCode.UPSTREAM_CUT in FAILURES
