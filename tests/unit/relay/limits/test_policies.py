from decimal import Decimal
from typing import Any

import pytest

from services.relay.limits.limit import Counting, Kind, Limit, Scope
from services.relay.limits.policies import limits_of, rule_of
from services.relay.limits.unlimited import is_unlimited
from shared.events.limits import LimitChanged, RateLimitStrategy, RequestLimits


def _of(**limits: Any) -> dict[Kind, Limit]:
    return {each.kind: each for each in limits_of(RequestLimits(**limits), Scope.KEY, "key:17")}


def _rule(**changes: Any) -> LimitChanged:
    values: dict[str, Any] = {"limit_id": 5, "workspace_id": 7, "name": "embeddings"}
    values |= {"requests": 60, "window_ms": 10_000, "strategy": RateLimitStrategy.SLIDING_WINDOW}
    return LimitChanged(**values | changes)


def test_what_is_not_set_is_no_limit_and_zero_is_one() -> None:
    assert is_unlimited(RequestLimits())
    assert not _of()
    assert not is_unlimited(RequestLimits(tokens_per_minute=0))
    assert _of(concurrent_requests=0)[Kind.CONCURRENT].capacity == 0


def test_the_three_of_a_key() -> None:
    made = _of(requests_per_minute=60, tokens_per_minute=9000, concurrent_requests=4)
    assert [each.name for each in made.values()] == ["key:requests", "key:tokens", "key:concurrent"]
    assert [each.capacity for each in made.values()] == [60, 9000, 4]
    assert made[Kind.REQUESTS].window_ms == 60_000
    assert made[Kind.CONCURRENT].counting is Counting.NONE
    assert len({each.subject for each in made.values()}) == 3


@pytest.mark.parametrize(
    "strategy", [RateLimitStrategy.TOKEN_BUCKET, RateLimitStrategy.LEAKY_BUCKET]
)
def test_a_bucket_holds_a_minute_s_worth_or_what_it_is_told_and_tokens_in_proportion(
    strategy: RateLimitStrategy,
) -> None:
    minute = _of(requests_per_minute=60, tokens_per_minute=9000, strategy=strategy)
    assert [each.capacity for each in minute.values()] == [60, 9000]
    made = _of(requests_per_minute=60, tokens_per_minute=9000, strategy=strategy, bucket_size=20)
    assert [each.capacity for each in made.values()] == [20, 3000]
    assert [each.rate * 60_000 for each in made.values()] == [60, 9000]
    alone = _of(tokens_per_minute=9000, strategy=strategy, bucket_size=20)
    assert alone[Kind.TOKENS].capacity == 9000, "there is no proportion to go by"


def test_windows_have_no_bucket() -> None:
    assert _of(requests_per_minute=60, bucket_size=20)[Kind.REQUESTS].capacity == 60


def test_another_amount_counts_on_and_another_strategy_anew() -> None:
    subjects = [
        _of(requests_per_minute=60)[Kind.REQUESTS].subject,
        _of(requests_per_minute=90)[Kind.REQUESTS].subject,
        _of(requests_per_minute=60, strategy=RateLimitStrategy.FIXED_WINDOW)[Kind.REQUESTS].subject,
    ]
    assert subjects[0] == subjects[1] != subjects[2]


@pytest.mark.parametrize(
    ("changes", "capacity", "a_second"),
    [
        ({"strategy": "TOKEN_BUCKET"}, 60, 6.0),
        ({"strategy": "TOKEN_BUCKET", "bucket_size": 9, "refill_rate": Decimal("0.5")}, 9, 0.5),
        ({"strategy": "TOKEN_BUCKET", "slope": Decimal(3)}, 60, 6.0),
        ({"strategy": "LEAKY_BUCKET", "bucket_size": 9, "slope": Decimal("0.5")}, 9, 0.5),
        ({"strategy": "LEAKY_BUCKET", "refill_rate": Decimal(3)}, 60, 6.0),
        ({"strategy": "LEAKY_BUCKET", "slope": Decimal(0)}, 60, 0.0),
    ],
)
def test_a_rule_s_bucket_goes_by_the_figures_of_its_own_strategy(
    changes: dict[str, Any], capacity: int, a_second: float
) -> None:
    limit = rule_of(_rule(**changes)).limit
    assert limit.capacity == capacity
    assert limit.rate * 1000 == pytest.approx(a_second)


def test_a_rule_is_named_by_its_id_and_has_its_own_window() -> None:
    limit = rule_of(_rule()).limit
    assert (limit.name, limit.capacity, limit.window_ms) == ("workspace:5", 60, 10_000)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*", "/v1/embeddings", True),
        ("/v1/embeddings", "/v1/embeddings", True),
        ("/v1/embeddings", "/v1/embeddings/x", False),
        ("/v1/*", "/v1/chat/completions", True),
        ("/v1/*", "/v2/chat/completions", False),
        ("*/completions", "/v1/chat/completions", True),
        ("/v1/*/completions", "/v1/chat/completions", True),
        ("/v1/*/completions", "/v1/completions", False),
        ("*chat*com*", "/v1/chat/completions", True),
        ("*com*chat*", "/v1/chat/completions", False),
        ("/v1/chat.completions", "/v1/chat/completions", False),
        ("/v1/a*a", "/v1/a", False),
        ("/v1/a*a", "/v1/aa", True),
    ],
)
def test_a_star_stands_for_anything(pattern: str, path: str, fits: bool) -> None:
    assert rule_of(_rule(path_pattern=pattern)).fits("POST", path) is fits


def test_many_stars_take_no_time_to_fail() -> None:
    """Would hold up every request of the relay, if it took time."""
    rule = rule_of(_rule(path_pattern="*a" * 40 + "*b"))
    assert not rule.fits("POST", "/v1/" + "a" * 300)


def test_a_method_is_meant_however_it_is_written() -> None:
    rule = rule_of(_rule(method="post"))
    assert rule.fits("POST", "/v1/embeddings")
    assert not rule.fits("GET", "/v1/embeddings")
