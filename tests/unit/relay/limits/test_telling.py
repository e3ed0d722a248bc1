from datetime import UTC, datetime

from services.relay.limits.limit import Counting, Decision, Kind, Scope
from services.relay.limits.telling import event_fields, refusal
from shared.events.limits import LimitUse
from shared.events.requests import ErrorCode
from tests.unit.relay.limits.made_limits import START_MS, limit, place

_NOW = START_MS
_REQUESTS = limit(Counting.SLIDING, 60)
_TOKENS = limit(Counting.SLIDING, 4000, kind=Kind.TOKENS)


def _refused(remaining: int, retry_in_ms: int | None) -> Decision:
    retry_at_ms = None if retry_in_ms is None else _NOW + retry_in_ms
    return Decision(False, remaining, _NOW + 60_000, retry_at_ms)


def _fits(remaining: int) -> Decision:
    return Decision(True, remaining, _NOW + 60_000)


def test_a_refusal_says_which_limit_whose_and_when_to_try_again() -> None:
    error = refusal([(_REQUESTS, _refused(0, 12_345))], _NOW, fitting_output_tokens=0)
    assert (error.code, error.http_status, error.retry_after_s) == (
        ErrorCode.RATE_LIMITED,
        429,
        13,
    )
    assert error.message == (
        "The limit of 60 requests in 60 s of this API key is reached, 0 remain. Try again in 13 s."
    )


def test_it_is_tried_again_when_the_last_of_those_that_refused_may_let_it_through() -> None:
    stood = [(_REQUESTS, _refused(0, 100)), (_TOKENS, _refused(7, 30_000)), (place(2), _fits(1))]
    error = refusal(stood, _NOW, fitting_output_tokens=0)
    assert error.retry_after_s == 30
    assert "60 requests" in error.message, "the first that refused is named"


def test_it_is_never_tried_again_in_less_than_a_second() -> None:
    error = refusal([(place(2), _refused(0, 1))], _NOW, fitting_output_tokens=0)
    assert error.retry_after_s == 1
    assert error.message.startswith(
        "The limit of 2 concurrent requests of this API key is reached."
    )


def test_what_can_never_fit_is_told_what_would_and_that_trying_again_is_for_nothing() -> None:
    error = refusal([(_TOKENS, _refused(4000, None))], _NOW, fitting_output_tokens=3_950)
    assert error.retry_after_s is None
    assert error.headers["x-should-retry"] == "false"
    assert error.message == (
        "The request may use more than all of it: the limit of 4000 tokens in 60 s of this API key."
        " It would fit with `max_tokens` up to 3950."
    )
    alone = refusal([(_TOKENS, _refused(4000, None))], _NOW, fitting_output_tokens=-3)
    assert alone.message.endswith("Its input alone does not fit.")


def test_a_limit_of_nothing_says_so() -> None:
    nothing = limit(Counting.FIXED, 0)
    error = refusal([(nothing, _refused(0, None))], _NOW, fitting_output_tokens=0)
    assert error.message == "The limit of 0 requests in 60 s of this API key allows nothing."


def test_the_event_has_every_limit_and_the_one_that_refused_last() -> None:
    stood = [(_TOKENS, _refused(7, 100)), (_REQUESTS, _fits(3)), (place(2), _fits(2))]
    fields = event_fields(stood, is_refused=True)
    uses = [LimitUse.model_validate(each) for each in fields["limits"]]
    assert [use.limit for use in uses] == ["key:requests", "key:concurrent", "key:tokens"]
    assert uses[-1].allowed == 4000
    assert fields["rate_limited"] is True
    assert fields["rate_limit_remaining"] == 2
    assert uses[0].reset_at == datetime.fromtimestamp(_NOW / 1000 + 60, UTC)


def test_of_more_limits_than_an_event_holds_those_with_the_most_left_are_not_told() -> None:
    rules = [
        (_REQUESTS._replace(name=f"workspace:{n}", scope=Scope.WORKSPACE), _fits(n))
        for n in range(20)
    ]
    fields = event_fields([*rules, (_TOKENS, _refused(999, 5))], is_refused=True)
    told = [each["limit"] for each in fields["limits"]]
    assert len(told) == 8
    assert told[-1] == "key:tokens"
    assert set(told[:-1]) == {f"workspace:{n}" for n in range(7)}
