import pytest

from services.logging.handlers import to_row
from services.logging.rows.error_sentences import SENTENCES
from services.logging.rows.other import other_of
from services.logging.rows.rows import LogType
from shared.events.limits import LimitUse
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import Usage
from shared.kafka.records import OutgoingRecord
from tests.made_events import NOON, outgoing, received, request
from tests.made_rows import row_of


def test_a_request_that_succeeded_is_consumption() -> None:
    event = request(upstream_request_id="up-1")

    row = row_of(event)

    assert row.event_id == row.request_id == event.request_id
    assert row.type == LogType.CONSUMPTION
    assert (row.quota, row.prompt_tokens, row.completion_tokens) == (30, 10, 20)
    assert (row.user_id, row.token_id, row.channel_id) == (700, 70, 3)
    assert (row.username, row.token_name, row.channel_name) == ("ada", "laptop", "primary")
    assert (row.use_time, row.created_at) == (1, int(NOON.timestamp()))
    assert (row.group, row.ip, row.upstream_request_id) == ("default", "192.0.2.1", "up-1")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INTERRUPTED, Outcome.REJECTED])
def test_every_other_outcome_is_an_error(outcome: Outcome) -> None:
    row = row_of(request(outcome=outcome, error_code=ErrorCode.UPSTREAM_CUT, quota=12))

    assert row.type == LogType.ERROR
    assert row.content == SENTENCES[ErrorCode.UPSTREAM_CUT]
    assert row.quota == 12


def test_each_error_code_has_its_sentence() -> None:
    assert set(SENTENCES) == set(ErrorCode)
    assert len(set(SENTENCES.values())) == len(ErrorCode)


def test_other_explains_the_charge() -> None:
    event = request(usage=Usage(prompt_tokens=10, cached_tokens=4), is_model_mapped=True)

    other = other_of(row_of(event)._asdict())

    assert other["model_ratio"] == other["group_ratio"] == other["completion_ratio"] == 1.0
    assert (other["cache_tokens"], other["cache_ratio"]) == (4, 1.0)
    assert other["model_price"] is None
    assert other["user_group_ratio"] is None
    assert (other["frt"], other["is_model_mapped"]) == (300, True)
    assert other["upstream_model_name"] == "gpt-4o-mini"
    assert other["request_path"] == "/v1/chat/completions"
    assert other["stream_status"] is None
    assert other["usage_source"] == "provider"
    assert other["client_disconnected"] is False
    assert other["provider"] == "simulator"
    assert "prompt_includes_cached" not in other
    assert other["admin_info"] == {
        "use_channel": ["3"],
        "attempts": [
            {
                "channel_id": 3,
                "provider_id": None,
                "credential_id": None,
                "offset_ms": 1,
                "latency_ms": 1500,
                "http_status": 200,
                "error_code": None,
            }
        ],
        "hold_quota": 0,
        "leases": [{"lease_id": "lease-1", "subject": "account:7"}],
    }


def test_tags_limits_and_the_seldom_kinds_of_tokens_are_told_where_there_are_some() -> None:
    usage = Usage(
        prompt_tokens=10,
        cache_creation_tokens=5,
        cache_creation_1h_tokens=3,
        image_tokens=2,
        prompt_includes_cached=False,
    )
    limit = LimitUse(limit="key:requests", allowed=9, remaining=0, reset_at=NOON)
    event = request(usage=usage, tags={"team": "search"}, limits=(limit,))

    other = other_of(row_of(event)._asdict())

    assert other["tags"] == {"team": "search"}
    assert (other["cache_creation_tokens"], other["cache_creation_1h_tokens"]) == (5, 3)
    assert (other["image_tokens"], other["prompt_includes_cached"]) == (2, False)
    assert "audio_tokens" not in other
    assert other["admin_info"]["limits"] == [limit.model_dump(mode="json")]


@pytest.mark.parametrize(
    ("context", "trace"),
    [
        (
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0af7651916cd43dd8448eb211c80319c",
        ),
        (b"", None),
        (b"00-0af7651916cd43dd8448eb211c80319c", None),
    ],
)
def test_the_trace_is_that_of_the_record(context: bytes, trace: str | None) -> None:
    sent = outgoing("relay.requests", request(), extra_headers=(("ce_traceparent", context),))

    row = to_row(received(sent))

    assert row is not None
    assert other_of(row._asdict()).get("trace") == trace


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "completed"),
        ({"client_disconnected": True}, "client_gone"),
        ({"outcome": Outcome.FAILED, "error_code": ErrorCode.UPSTREAM_CUT}, "cut"),
        ({"outcome": Outcome.INTERRUPTED, "error_code": ErrorCode.RELAY_DIED}, "failed"),
    ],
)
def test_stream_status(changes: dict[str, object], status: str) -> None:
    other = other_of(row_of(request(is_stream=True, **changes))._asdict())

    assert other["stream_status"] == status


def test_a_refusal_without_model_channel_and_rating_has_a_row() -> None:
    event = request(
        outcome=Outcome.REJECTED,
        error_code=ErrorCode.MODEL_NOT_FOUND,
        requested_model=None,
        channel_id=None,
        channel_name=None,
        rating=None,
        attempts=(),
        quota=0,
        suppressed_count=9,
    )

    row = row_of(event)

    assert (row.model_name, row.channel_id, row.channel_name) == ("", 0, "")
    other = other_of(row._asdict())
    assert "model_ratio" not in other
    assert other["suppressed_count"] == 9


def test_codes_of_a_later_release_have_a_row_too() -> None:
    sent = outgoing("relay.requests", request(outcome=Outcome.FAILED, error_code="internal"))
    assert sent.value is not None
    later = (
        sent.value.replace(b'"internal"', b'"upstream_moody"')
        .replace(b'"failed"', b'"abandoned"')
        .replace(b'"provider","quota"', b'"guessed","quota"')
    )

    row = to_row(received(OutgoingRecord(sent.topic, sent.key, later, sent.headers)))

    assert row is not None
    assert (row.type, row.content) == (LogType.ERROR, "The request failed")
    other = other_of(row._asdict())
    assert (other["error_code"], other["outcome"]) == ("upstream_moody", "abandoned")
    assert other["usage_source"] == "guessed"
