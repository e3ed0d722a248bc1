"""What a provider of Anthropic's dialect gets: its own credential, and little of the client's."""

import json

import pytest
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from services.relay.answering.attempts import Answered, Attempts
from services.relay.dialects.anthropic import ANTHROPIC
from services.relay.dialects.anthropic_messages import CountTokens, Messages
from services.relay.dialects.dialect import Call
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.metrics import RequestMetrics
from shared.events.requests import ErrorCode
from tests.unit.relay.fake_upstream import FakeUpstream, plain
from tests.unit.relay.made import MODEL, channel, exchange, health, routing

BODY = json.dumps({"model": MODEL, "messages": []}).encode()
CLIENT = CIMultiDict(
    {
        "x-api-key": "sk-client",
        "Authorization": "Bearer sk-client",
        "Cookie": "a=b",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "one-2026",
    }
)


async def asked(call: Call) -> FakeUpstream:
    """Channel 1 speaks OpenAI's dialect, channel 2 Anthropic's."""
    channels = [channel(1), channel(2, dialect="anthropic")]
    upstream = FakeUpstream({1: plain(b"{}"), 2: plain(b"{}", request_id="req_1")})
    attempts = Attempts(
        upstream=upstream,
        routing=routing(*channels),
        max_tries=3,
        first_byte_s=0.3,
        metrics=RequestMetrics(CollectorRegistry()),
        health=health(*channels),
    )
    going = exchange(forwarded=call.dialect.forwarded(CLIENT))
    assert isinstance(await attempts.answer(going, call, BODY), Answered)
    if call.dialect is ANTHROPIC:
        assert going.upstream_request_id == "req_1"
    return upstream


@pytest.mark.parametrize("call", [Messages(), CountTokens()])
async def test_only_version_and_betas_of_the_clients_go_on(call: Call) -> None:
    (sent,) = (await asked(call)).calls
    assert sent.headers == (
        ("x-api-key", "key-2"),
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "one-2026"),
    )
    assert sent.url == "http://127.0.0.2/v1" + call.upstream_path
    assert sent.body == BODY


async def test_each_call_is_served_by_channels_of_its_dialect() -> None:
    assert (await asked(Messages())).called == [2]
    assert (await asked(ChatCompletions())).called == [1]


async def test_no_channel_of_the_dialect_is_no_channel() -> None:
    attempts = Attempts(
        upstream=FakeUpstream({}),
        routing=routing(channel(1)),
        max_tries=3,
        first_byte_s=0.3,
        metrics=RequestMetrics(CollectorRegistry()),
        health=health(channel(1)),
    )
    with pytest.raises(RelayError) as caught:
        await attempts.answer(exchange(), Messages(), BODY)
    assert caught.value.code is ErrorCode.NO_CHANNEL
