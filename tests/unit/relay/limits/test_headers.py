import pytest

from services.relay.limits.headers import duration, headers_of
from services.relay.limits.limit import Counting, Decision, Kind, Scope
from tests.unit.relay.limits.made_limits import START_MS, limit, place

_NOW = START_MS
_KEY = limit(Counting.SLIDING, 60)
_GROUP = limit(Counting.FIXED, 500)._replace(name="group:requests", scope=Scope.GROUP)
_TOKENS = limit(Counting.BUCKET, 9000, kind=Kind.TOKENS)


def _left(remaining: int, reset_in_ms: int | None) -> Decision:
    return Decision(True, remaining, None if reset_in_ms is None else _NOW + reset_in_ms)


def test_openai_s_names_tell_of_the_limit_of_each_kind_with_the_least_remaining() -> None:
    stood = [(_GROUP, _left(400, 60_000)), (_KEY, _left(59, 61_000)), (_TOKENS, _left(8500, 250))]
    headers = headers_of(stood, _NOW, dialect="openai")
    told = {name: value for name, value in headers.items() if name.startswith("x-")}
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1m1s",
        "x-ratelimit-limit-tokens": "9000",
        "x-ratelimit-remaining-tokens": "8500",
        "x-ratelimit-reset-tokens": "250ms",
    }


def test_the_ietf_s_tell_of_all() -> None:
    stood = [(_KEY, _left(59, 60_001)), (_TOKENS, _left(8500, 250)), (place(4), _left(3, None))]
    headers = headers_of(stood, _NOW, dialect="openai")
    assert headers["RateLimit-Policy"] == (
        '"key-requests";q=60;w=60, "key-tokens";q=9000;w=60;qu="tokens",'
        ' "key-concurrent";q=4;qu="concurrent-requests"'
    )
    assert headers["RateLimit"] == (
        '"key-requests";r=59;t=61, "key-tokens";r=8500;t=1, "key-concurrent";r=3'
    )


def test_anthropic_s_clients_get_its_own_names_as_well() -> None:
    headers = headers_of([(_KEY, _left(59, 60_000))], _NOW, dialect="anthropic")
    assert headers["anthropic-ratelimit-requests-limit"] == "60"
    assert headers["anthropic-ratelimit-requests-remaining"] == "59"
    assert headers["anthropic-ratelimit-requests-reset"] == "2027-01-15T08:01:00Z"
    assert headers["x-ratelimit-limit-requests"] == "60"


@pytest.mark.parametrize(
    ("ms", "written"),
    [
        (0, "0s"),
        (12, "12ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_500, "1.5s"),
        (59_999, "59.999s"),
        (360_000, "6m0s"),
        (86_256_648, "23h57m36.648s"),
        (7_200_000, "2h0m0s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(ms: int, written: str) -> None:
    assert duration(ms) == written


def test_no_header_can_be_broken_by_a_name() -> None:
    """Names of groups and rules are people's own; what is told is from a closed set, and ids."""
    assert all(
        "\n" not in value and '"' not in value.replace('"', "", 2)
        for value in headers_of([(_GROUP, _left(1, 1))], _NOW, dialect="openai").values()
    )
