"""Which failures another channel may answer, and what is told of each attempt."""

import json

import pytest
from prometheus_client import CollectorRegistry

from services.relay.answering.attempts import Answered, Attempts, Refused
from services.relay.books.budgets import HardBudget
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.exchange import Exchange
from services.relay.health.rules import HealthLimits
from services.relay.metrics import RequestMetrics
from services.relay.upstreams.upstream import Upstream, UpstreamAnswer, UpstreamCall
from shared.events.budgets import BudgetPeriod
from shared.events.requests import ErrorCode
from shared.events.routing import ChannelChanged
from tests.unit.relay.fake_upstream import FakeAnswer, FakeUpstream, plain
from tests.unit.relay.made import (
    MODEL,
    channel,
    credentials,
    exchange,
    facts,
    health,
    offer,
    routing,
)

BODY = json.dumps({"model": MODEL, "messages": []}).encode()
GOOD = b'{"choices":[]}'
ERROR = b'{"error":{"message":"sorry"}}'
SHORT = b'{"error":{"type":"insufficient_quota","code":"insufficient_user_quota"}}'
Prepared = FakeAnswer | ErrorCode


async def tried(
    *answers: Prepared,
    stream: bool = False,
    max_tries: int = 3,
    channels: list[ChannelChanged] | None = None,
    going: Exchange | None = None,
) -> tuple[Answered | Refused | RelayError, Exchange, FakeUpstream]:
    """Channel 1 gives the first answer, channel 2 the second, and so on."""
    upstream = FakeUpstream(dict(enumerate(answers, start=1)))
    known = channels or [channel(number) for number in range(1, len(answers) + 1)]
    attempts = Attempts(
        upstream=upstream,
        routing=routing(*known),
        max_tries=max_tries,
        first_byte_s=0.3,
        metrics=RequestMetrics(CollectorRegistry()),
        health=health(*known),
    )
    going = going or exchange(request=facts(is_stream=stream, wants_usage=True))
    try:
        result: Answered | Refused | RelayError = await attempts.answer(
            going, ChatCompletions(), BODY
        )
    except RelayError as error:
        result = error
    return result, going, upstream


FAIL_OVER: list[tuple[Prepared, int | None, ErrorCode]] = [
    (ErrorCode.UPSTREAM_CONNECTION, None, ErrorCode.UPSTREAM_CONNECTION),
    (ErrorCode.UPSTREAM_TIMEOUT, None, ErrorCode.UPSTREAM_TIMEOUT),
    (plain(ERROR, status=429), 429, ErrorCode.UPSTREAM_RATE_LIMITED),
    (plain(ERROR, status=500), 500, ErrorCode.UPSTREAM_SERVER_ERROR),
    (plain(ERROR, status=503), 503, ErrorCode.UPSTREAM_SERVER_ERROR),
    (plain(ERROR, status=401), 401, ErrorCode.UPSTREAM_AUTHENTICATION),
    (plain(ERROR, status=402), 402, ErrorCode.UPSTREAM_QUOTA_EXHAUSTED),
    (plain(SHORT, status=403), 403, ErrorCode.UPSTREAM_QUOTA_SHORT),
    (plain(b"", status=302), 302, ErrorCode.UPSTREAM_MALFORMED),
    (FakeAnswer(ErrorCode.UPSTREAM_TIMEOUT), 200, ErrorCode.UPSTREAM_TIMEOUT),
    (FakeAnswer(ErrorCode.UPSTREAM_CUT), 200, ErrorCode.UPSTREAM_CUT),
    (FakeAnswer(), 200, ErrorCode.UPSTREAM_CUT),
    (FakeAnswer(60.0, b"data: late\n\n"), 200, ErrorCode.UPSTREAM_TIMEOUT),
    (FakeAnswer(ErrorCode.UPSTREAM_CUT, status=500), 500, ErrorCode.UPSTREAM_SERVER_ERROR),
]


@pytest.mark.parametrize(("first", "status", "code"), FAIL_OVER)
async def test_another_channel_answers(
    first: Prepared, status: int | None, code: ErrorCode
) -> None:
    result, going, upstream = await tried(first, FakeAnswer(b"data: x\n\n"), stream=True)
    assert isinstance(result, Answered)
    assert result.first == b"data: x\n\n"
    assert upstream.called == [1, 2]
    assert [a.channel.channel_id for a in going.attempts] == [1, 2]
    assert [(a.http_status, a.error_code) for a in going.attempts] == [(status, code), (200, None)]
    assert going.channel is not None
    assert going.channel.channel_id == 2


@pytest.mark.parametrize("status", [-5, 0, 99, 1_000, 10**20])
async def test_a_status_that_http_does_not_have_is_told_nobody(status: int) -> None:
    """An event could not be read with it, and a charge would be lost."""
    odd = plain(ERROR, status=status)
    result, going, upstream = await tried(odd, plain(GOOD))
    assert isinstance(result, Answered)
    assert upstream.called == [1, 2]
    told = going.attempts[0]
    assert (told.http_status, told.error_code) == (None, ErrorCode.UPSTREAM_MALFORMED)
    assert odd.is_aborted


@pytest.mark.parametrize(
    "first", [entry[0] for entry in FAIL_OVER if isinstance(entry[0], FakeAnswer)]
)
async def test_no_connection_is_left_open(first: FakeAnswer) -> None:
    await tried(first, FakeAnswer(b"data: x\n\n"), stream=True)
    assert first.is_aborted or first.is_released


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_what_the_client_did_wrong_is_not_tried_again(status: int) -> None:
    result, going, upstream = await tried(plain(ERROR, status=status), plain(GOOD))
    assert isinstance(result, Refused)
    assert (result.status, result.body) == (status, ERROR)
    assert result.code is ErrorCode.UPSTREAM_CLIENT_ERROR
    assert upstream.called == [1]
    assert going.channel is not None
    assert going.channel.channel_id == 1


async def test_an_error_too_long_to_pass_on_is_still_the_clients() -> None:
    """A 4xx with a huge body must not send the request to another channel."""
    result, _, upstream = await tried(plain(b"x" * 100_000, status=400), plain(GOOD))
    assert isinstance(result, Refused)
    assert (result.status, result.body) == (400, b"")
    assert upstream.called == [1]


async def test_the_last_error_is_passed_on_with_its_channel() -> None:
    result, going, _ = await tried(
        ErrorCode.UPSTREAM_CONNECTION, plain(ERROR, status=429, Retry_After="7")
    )
    assert isinstance(result, Refused)
    assert (result.status, result.retry_after) == (429, "7")
    assert going.channel is not None
    assert going.channel.channel_id == 2
    assert len(going.attempts) == 2


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ([plain(ERROR, status=401)], 502, ErrorCode.UPSTREAM_AUTHENTICATION),
        (
            [plain(ERROR, status=500), plain(ERROR, status=401)],
            502,
            ErrorCode.UPSTREAM_AUTHENTICATION,
        ),
        ([plain(ERROR, status=429), ErrorCode.UPSTREAM_TIMEOUT], 504, ErrorCode.UPSTREAM_TIMEOUT),
        ([ErrorCode.UPSTREAM_CONNECTION], 502, ErrorCode.UPSTREAM_CONNECTION),
        ([], 503, ErrorCode.NO_CHANNEL),
    ],
)
async def test_a_channels_own_credential_is_not_the_clients_to_hear_of(
    answers: list[Prepared], status: int, code: ErrorCode
) -> None:
    result, going, _ = await tried(*answers)
    assert isinstance(result, RelayError)
    assert (result.http_status, result.code) == (status, code)
    assert going.channel is None
    assert len(going.attempts) == len(answers)


async def test_tries_are_limited() -> None:
    answers = [ErrorCode.UPSTREAM_CONNECTION] * 6
    _, going, upstream = await tried(*answers, max_tries=4)
    assert upstream.called == [1, 2, 3, 4]
    assert len(going.attempts) == 4


async def test_a_channel_is_called_with_its_own_key_url_and_model_name() -> None:
    mapped = channel(1, model_mapping={MODEL: "upstream/mini"}, base_url="http://127.0.0.1/v1/")
    _, going, upstream = await tried(plain(GOOD, x_request_id="up-1"), channels=[mapped])
    (call,) = upstream.calls
    assert call.url == "http://127.0.0.1/v1/chat/completions"
    assert call.headers == (("Authorization", "Bearer key-1"),)
    assert json.loads(call.body)["model"] == "upstream/mini"
    assert call.traceparent == going.arrival.traceparent
    assert going.attempts[0].upstream_model == "upstream/mini"
    assert going.upstream_request_id == "up-1"


async def test_an_upstreams_odd_request_id_is_made_to_fit() -> None:
    _, going, _ = await tried(plain(GOOD, x_request_id="a\x00b" + "c" * 500))
    assert going.upstream_request_id is not None
    assert len(going.upstream_request_id) == 128
    assert "\x00" not in going.upstream_request_id


async def test_an_error_body_is_read_so_far_and_no_further() -> None:
    answer = plain(b"x" * 100_000, status=500)
    result, _, _ = await tried(answer)
    assert isinstance(result, Refused)
    assert (result.status, result.body) == (500, b"")
    assert answer.is_aborted


async def test_an_answer_in_place_of_a_stream_is_a_plain_one() -> None:
    result, _, _ = await tried(plain(GOOD), stream=True)
    assert isinstance(result, Answered)
    assert not result.is_stream


class TurnedAway:
    """An Upstream of one channel, which refuses the keys that it is told to."""

    def __init__(self, **refused: int) -> None:
        self.refused = {f"Bearer {name.replace('_', '-')}": s for name, s in refused.items()}
        self.keys: list[str] = []

    async def send(self, call: UpstreamCall) -> UpstreamAnswer:
        shown = dict(call.headers)["Authorization"]
        self.keys.append(shown.removeprefix("Bearer "))
        status = self.refused.get(shown)
        body = SHORT if status == 403 else ERROR
        answer: UpstreamAnswer = plain(GOOD) if status is None else plain(body, status=status)
        return answer


def attempts_of(upstream: Upstream, *channels: ChannelChanged) -> Attempts:
    return Attempts(
        upstream=upstream,
        routing=routing(*channels),
        max_tries=3,
        first_byte_s=0.3,
        metrics=RequestMetrics(CollectorRegistry()),
        health=health(*channels),
    )


async def test_credentials_are_used_in_turn() -> None:
    upstream = TurnedAway()
    attempts = attempts_of(upstream, channel(1, credentials=credentials(1, 3)))
    for _ in range(6):
        await attempts.answer(exchange(), ChatCompletions(), BODY)
    assert upstream.keys == ["key-1", "key-1-1", "key-1-2"] * 2


async def test_a_refused_credential_gives_way_to_the_next_one_and_is_not_tried_again() -> None:
    upstream = TurnedAway(key_1=401, key_1_2=402)
    attempts = attempts_of(upstream, channel(1, credentials=credentials(1, 3)))
    going = exchange()
    result = await attempts.answer(going, ChatCompletions(), BODY)
    assert isinstance(result, Answered)
    assert [(a.channel.channel_id, a.credential_id, a.error_code) for a in going.attempts] == [
        (1, 10, ErrorCode.UPSTREAM_AUTHENTICATION),
        (1, 12, ErrorCode.UPSTREAM_QUOTA_EXHAUSTED),
        (1, 11, None),
    ]
    await attempts.answer(exchange(), ChatCompletions(), BODY)
    assert upstream.keys == ["key-1", "key-1-2", "key-1-1", "key-1-1"]


async def test_a_request_too_large_for_a_balance_takes_the_credential_from_nobody_else() -> None:
    """Else one tenant's huge `max_tokens` would disable it for all."""
    upstream = TurnedAway(key_1=403, key_1_1=403)
    attempts = attempts_of(upstream, channel(1, credentials=credentials(1, 2)))
    for _ in range(2 * HealthLimits().failures_to_rest):
        with pytest.raises(RelayError) as caught:
            await attempts.answer(exchange(), ChatCompletions(), BODY)
        assert caught.value.code is ErrorCode.UPSTREAM_QUOTA_SHORT
    assert set(upstream.keys) == {"key-1", "key-1-1"}, "each request tries both"
    upstream.refused.clear()
    upstream.keys.clear()
    for _ in range(4):
        assert isinstance(await attempts.answer(exchange(), ChatCompletions(), BODY), Answered)
    assert sorted(upstream.keys) == ["key-1", "key-1", "key-1-1", "key-1-1"], "both still on"


async def test_a_channel_that_failed_is_not_tried_again_with_another_credential() -> None:
    upstream = TurnedAway(key_1=500, key_1_1=500)
    attempts = attempts_of(upstream, channel(1, credentials=credentials(1, 2)))
    result = await attempts.answer(exchange(), ChatCompletions(), BODY)
    assert isinstance(result, Refused)
    assert upstream.keys == ["key-1"]


async def test_a_resting_channel_is_passed_over_and_is_still_the_last_resort() -> None:
    answers: dict[int, Prepared] = dict.fromkeys((1, 2), ErrorCode.UPSTREAM_CONNECTION)
    upstream = FakeUpstream(answers)
    attempts = attempts_of(upstream, channel(1), channel(2))
    for _ in range(HealthLimits().failures_to_rest):
        with pytest.raises(RelayError):
            await attempts.answer(exchange(), ChatCompletions(), BODY)
    upstream.calls.clear()
    answers[2] = plain(GOOD)
    for _ in range(2):  # the first finds both resting, and that channel 2 is well
        answers[2] = plain(GOOD)
        assert isinstance(await attempts.answer(exchange(), ChatCompletions(), BODY), Answered)
    assert upstream.called[-1] == 2
    assert upstream.called.count(2) == 2, "a model is never without a channel because all rest"


async def test_a_stream_that_is_cut_after_its_head_counts_when_it_has_ended() -> None:
    known = [channel(1), channel(2)]
    keeper = health(*known)
    answers: dict[int, Prepared] = {}
    attempts = Attempts(
        upstream=FakeUpstream(answers),
        routing=routing(*known),
        max_tries=3,
        first_byte_s=0.3,
        metrics=RequestMetrics(CollectorRegistry()),
        health=keeper,
    )
    for _ in range(HealthLimits().failures_to_rest):
        answers[1] = FakeAnswer(b"data: x\n\n", ErrorCode.UPSTREAM_CUT)
        going = exchange(request=facts(is_stream=True))
        result = await attempts.answer(going, ChatCompletions(), BODY)
        assert isinstance(result, Answered)
        assert not keeper.gates, "nobody knows yet"
        assert going.ended is not None
        going.ended(ErrorCode.UPSTREAM_CUT)
    assert not keeper.gates[1].lets_through(keeper.now())


async def test_where_only_providers_without_budget_are_left_the_budget_is_what_is_told() -> None:
    """Others served the model when it was held for, and speak another dialect or are gone now."""
    budget = HardBudget("budget:4", 1, "first", BudgetPeriod.MONTHLY)
    offered = offer(budgets=(budget,), providers=frozenset({1, 2}))
    only = [channel(1, provider_id=1)]
    result, going, upstream = await tried(
        plain(GOOD), channels=only, going=exchange(offered=offered)
    )
    assert isinstance(result, RelayError)
    assert (result.http_status, result.code) == (403, ErrorCode.BUDGET_EXCEEDED)
    assert going.attempts == []
    assert upstream.calls == []
