"""Whatever an upstream says, and however much: the event of the request can be read."""

from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from services.relay.answering.attempts import Attempts
from services.relay.books.routing import Channel, Credential
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.exchange import Arrival, AttemptMade, Ending, Exchange
from services.relay.journal.journal import RESERVED_BYTES
from services.relay.journal.records import CompletedRecord, encode_completed
from services.relay.leases.holds import Hold
from services.relay.leases.leasing import Lease, LeaseLimits
from services.relay.metrics import RequestMetrics
from services.relay.recording.charging import charge_of
from services.relay.recording.completion import completed
from services.relay.upstreams.aiohttp_client import AiohttpUpstream
from services.relay.upstreams.upstream import Upstream, UpstreamFailure
from shared.events.event import MAX_EVENT_BYTES
from shared.events.numbers import MAX_ID, MAX_TOKENS
from shared.events.requests import ErrorCode, Outcome, RequestCompleted
from shared.events.usage import Usage
from tests.unit.relay.fake_upstream import FakeUpstream, plain
from tests.unit.relay.http1.raw_server import call, client, saying, serving
from tests.unit.relay.made import (
    arrival,
    caller,
    channel,
    exchange,
    facts,
    health,
    offer,
    routing,
)
from tests.unit.relay.test_completion import CUT, NOW, SUCCEEDED

BODY = b'{"model":"gpt-4o-mini","messages":[]}'


def told(going: Exchange, ending: Ending = SUCCEEDED) -> RequestCompleted:
    record = completed(going, ending, charge_of(going, ending), NOW)
    return RequestCompleted.model_validate_json(record.value)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("req-1", "req-1"),
        ("caf\udce9", "caf\ufffd"),
        ("\ud800\udfff", "\ufffd\ufffd"),
        ("a\x00b\tc\x7fd", "a\ufffdb\ufffdc\ufffdd"),
        ('"},{"quota":0,"x":"\\', '"},{"quota":0,"x":"\\'),
        ("\u2028\u2029\x85", "\u2028\u2029\x85"),
        ("\U0001f600" * 200, "\U0001f600" * 128),
        ("x" * 127 + "\ud800y", "x" * 127 + "\ufffd"),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [200, 404, 599, 999])
async def test_an_upstreams_own_id_and_status_are_told_as_far_as_they_can_be(
    said: str, kept: str | None, status: int
) -> None:
    answer = plain(b"{}", status=status, x_request_id=said)
    attempts = Attempts(
        upstream=FakeUpstream({1: answer}),
        routing=routing(channel(1)),
        max_tries=1,
        first_byte_s=1.0,
        metrics=RequestMetrics(CollectorRegistry()),
        health=health(channel(1)),
    )
    going = exchange()
    ending = SUCCEEDED
    try:
        await attempts.answer(going, ChatCompletions(), BODY)
    except RelayError as error:
        ending = Ending(Outcome.FAILED, error.http_status, error.code)
    event = told(going, ending)
    assert event.upstream_request_id == (kept if status == 200 else None)
    assert [made.http_status for made in event.attempts] == [status]


@pytest.fixture(params=["http1", "aiohttp"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def status_of(upstream: Upstream, url: str) -> int | None:
    try:
        answer = await upstream.send(call(url))
    except UpstreamFailure:
        return None
    answer.abort()
    return answer.status


@pytest.mark.parametrize("status", ["000", "001", "099", "101", "199", "299", "999", "1000", "-20"])
async def test_no_upstream_answers_with_a_status_that_no_event_can_tell(
    kind: str, status: str
) -> None:
    head = f"HTTP/1.1 {status} odd\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(saying(head, stays=False)) as server:
        if kind == "http1":
            async with client(first_byte_s=0.5) as upstream:
                found = await status_of(upstream, server.url)
        else:
            async with aiohttp.ClientSession() as session:
                lent = AiohttpUpstream(session, first_byte_s=0.5, idle_s=0.5, connect_s=0.5)
                found = await status_of(lent, server.url)
    assert found == (int(status) if status in {"299", "999"} else None)


@pytest.mark.parametrize("content_bytes", [4 * MAX_TOKENS, 4 * MAX_TOKENS + 1, 10**13])
@pytest.mark.parametrize("told_input", [None, Usage(prompt_tokens=MAX_TOKENS)])
def test_an_estimate_of_an_answer_without_end_is_an_event_all_the_same(
    content_bytes: int, told_input: Usage | None
) -> None:
    asked = facts(media_count=9, likely_media_count=9, text_bytes=10**10)
    going = exchange(
        request=asked,
        offered=offer(max_media_tokens=MAX_TOKENS),
        content_bytes=content_bytes,
        told_input=told_input,
    )
    event = told(going, CUT)
    assert event.usage.completion_tokens == event.usage.prompt_tokens == MAX_TOKENS
    assert event.quota == 3 * MAX_TOKENS


@pytest.mark.parametrize("kind_of_character", ["\U0001f600", '"', "\\", "\x80", "\u2028"])
def test_the_largest_event_fits_the_topic_and_the_room_that_was_kept_for_it(
    kind_of_character: str,
) -> None:
    record = largest(kind_of_character)
    assert len(record.value) <= MAX_EVENT_BYTES
    assert len(encode_completed(record)) < RESERVED_BYTES
    event = RequestCompleted.model_validate_json(record.value)
    assert len(event.attempts) == 16
    assert event.user_agent == kind_of_character * 256


def test_an_event_that_outgrows_its_bound_loses_what_it_can_spare_and_not_its_charge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = RequestCompleted.model_validate_json(largest("é").value)
    monkeypatch.setattr(
        "services.relay.recording.completion.MAX_EVENT_BYTES", len(largest("é").value) - 1
    )
    record = largest("é")
    event = RequestCompleted.model_validate_json(record.value)
    assert len(record.value) < MAX_EVENT_BYTES
    assert (event.quota, event.leases, event.rating) == (whole.quota, whole.leases, whole.rating)
    assert (event.attempts, event.tags) == (whole.attempts[-1:], {})
    assert record.lease_uses == tuple((use.lease_id, event.quota) for use in event.leases)


def largest(character: str) -> CompletedRecord:
    """Every string at its longest, every list at its end."""
    name, line, code = character * 128, character * 256, "c" * 64
    wide = Channel(
        channel_id=MAX_ID,
        priority=0,
        weight=1,
        name=name,
        provider=name,
        provider_id=MAX_ID,
        base_url="",
        credentials=(Credential(0, "k"),),
        model_mapping={},
    )
    by = caller(
        key={"name": name, "key_id": MAX_ID, "project_id": MAX_ID},
        user={"username": name, "group": name},
        workspace={"name": name},
    )
    lease = Lease(lease_id=code, subject=code, limits=LeaseLimits(), now=0)
    uses = [{"limit": code, "allowed": MAX_ID, "remaining": MAX_ID, "reset_at": NOW}] * 8
    came: Arrival = arrival(
        method=code,
        path=line,
        query_parameters=(code,) * 16,
        client_address=character * 64,
        user_agent=line,
        fitted=(code,) * 32,
    )
    made = AttemptMade(wide, MAX_ID, name, 10**10, 10**10, 999, ErrorCode.UPSTREAM_QUOTA_EXHAUSTED)
    told_limits: dict[str, Any] = {
        "rate_limited": False,
        "rate_limit_remaining": MAX_ID,
        "rate_limit_reset_at": NOW,
        "limits": uses,
    }
    going = exchange(
        arrived=came,
        by=by,
        holds=(Hold(lease, 10**15),) * 2,
        opening={
            "dialect": code,
            "model_json": '"' + "m" * 128 + '"',
            "tags": {f"{number}{'t' * 63}": line for number in range(10)},
            "limits": told_limits,
        },
        channel=wide,
        attempts=[made] * 40,
        upstream_request_id=line,
        usage=Usage(prompt_tokens=MAX_TOKENS, completion_tokens=MAX_TOKENS),
        first_byte_at=NOW,
        first_byte_ms=10**10,
    )
    return completed(going, SUCCEEDED, charge_of(going, SUCCEEDED), NOW)
