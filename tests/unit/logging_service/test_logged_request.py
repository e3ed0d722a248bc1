"""What logging reads of a request, held against the contract; and its row, against the event."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.logging.rows.logged_request import (
    LoggedAttempt,
    LoggedRequest,
    LoggedUsage,
    read_request,
)
from services.logging.rows.other import other_of
from services.logging.rows.request_rows import request_row
from services.logging.rows.stored_other import LoggedRating, stored_other
from shared.events.event import Event, MalformedEventError, encode_value
from shared.events.limits import LimitUse
from shared.events.numbers import MAX_BYTES, MAX_ID, MAX_MS, MAX_QUOTA_UNITS, MAX_TOKENS
from shared.events.requests import Attempt, ErrorCode, LeaseUse, Outcome, Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from tests.made_events import request

AT = datetime(2026, 5, 4, 3, 20, 1, 5, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"
TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from('"\\/u0ß€😀|:'), st.characters(codec="utf-8", exclude_categories=["Cc"])
    ),
    max_size=12,
)
CODES = st.text(alphabet="aZ09_.:-", max_size=12)
IDS = st.sampled_from([1, 3, 7, MAX_ID])
TOKENS = st.sampled_from([0, 0, 3, MAX_TOKENS])
MS = st.sampled_from([0, 999, 1600, MAX_MS])
RATIOS = st.sampled_from([Decimal(1), Decimal("0.075"), Decimal(0), Decimal("999999.999999999")])
TIMES = st.datetimes(
    datetime(1969, 12, 31),  # noqa: DTZ001 - hypothesis wants it so, and adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
NAMES = st.sampled_from(["primary", "spare"])
ATTEMPTS = st.builds(
    Attempt,
    channel_id=st.sampled_from([3, 4]),
    channel_name=NAMES,
    provider=NAMES,
    provider_id=st.none() | st.just(9),
    credential_id=st.none() | IDS,
    upstream_model=NAMES,
    offset_ms=MS,
    latency_ms=MS,
    http_status=st.none() | st.just(503),
    error_code=st.none() | st.sampled_from(ErrorCode),
)
RATINGS = st.builds(
    Rating,
    price_version=IDS,
    **dict.fromkeys(
        (
            *("model_ratio", "completion_ratio", "cache_ratio", "cache_creation_ratio"),
            *("image_ratio", "audio_ratio", "group_ratio", "service_tier_ratio"),
        ),
        RATIOS,
    ),
    **dict.fromkeys(
        (
            *("cache_creation_1h_ratio", "user_group_ratio", "model_price"),
            *("output_audio_ratio", "output_image_ratio"),
        ),
        st.none() | RATIOS,
    ),
    tier_above_tokens=st.none() | TOKENS,
    service_tier=CODES,
    tool_prices=st.dictionaries(CODES, RATIOS, max_size=2),
)
LIMITS = st.builds(
    LimitUse, limit=CODES, allowed=IDS, remaining=IDS, reset_at=st.none() | st.just(AT)
)
LEASES = st.builds(LeaseUse, lease_id=CODES, subject=CODES)
EVENTS = st.builds(
    RequestCompleted,
    request_id=CODES,
    workspace_id=IDS,
    project_id=st.none() | IDS,
    key_id=IDS,
    key_name=TEXTS,
    user_id=IDS,
    username=TEXTS,
    dialect=CODES,
    method=CODES,
    path=TEXTS,
    query_parameters=st.lists(CODES, max_size=2).map(tuple),
    group=TEXTS,
    requested_model=st.none() | NAMES,
    upstream_model=st.none() | NAMES,
    is_model_mapped=st.booleans(),
    channel_id=st.none() | st.sampled_from([3, 4]),
    channel_name=st.none() | NAMES,
    provider=st.none() | NAMES,
    provider_id=st.none() | st.just(9),
    attempts=st.lists(ATTEMPTS, max_size=3).map(tuple),
    upstream_request_id=st.none() | TEXTS,
    is_stream=st.booleans(),
    outcome=st.sampled_from(Outcome),
    error_code=st.none() | st.sampled_from(ErrorCode),
    http_status=st.sampled_from([100, 200, 499, 999]),
    client_disconnected=st.booleans(),
    suppressed_count=st.sampled_from([0, 5]),
    usage=st.builds(
        Usage,
        **{name: TOKENS for name in LoggedUsage.__struct_fields__ if name.endswith("_tokens")},
        prompt_includes_cached=st.booleans(),
        tool_calls=st.dictionaries(CODES, IDS, max_size=2),
    ),
    usage_source=st.sampled_from(UsageSource),
    quota=st.sampled_from([0, 499, MAX_QUOTA_UNITS]),
    hold_quota=st.sampled_from([0, 499, MAX_QUOTA_UNITS]),
    rating=st.none() | RATINGS,
    leases=st.lists(LEASES, max_size=2).map(tuple),
    request_bytes=st.sampled_from([0, MAX_BYTES]),
    response_bytes=st.sampled_from([0, MAX_BYTES]),
    started_at=st.just(AT),
    completed_at=TIMES,
    latency_ms=MS,
    first_byte_ms=st.none() | MS,
    upstream_latency_ms=st.none() | MS,
    cache_hit=st.none() | st.booleans(),
    cache_key=st.none() | CODES,
    rate_limited=st.none() | st.booleans(),
    rate_limit_remaining=st.none() | IDS,
    rate_limit_reset_at=st.none() | TIMES,
    limits=st.lists(LIMITS, max_size=2).map(tuple),
    client_address=TEXTS,
    user_agent=TEXTS,
    tags=st.dictionaries(CODES, TEXTS, max_size=2),
    parent_span_id=st.none() | CODES,
    origin=TEXTS,
    request_host=TEXTS,
    client_retry_count=st.none() | IDS,
)


def seconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


@given(EVENTS)
def test_a_row_has_what_the_event_says_whatever_the_contract_can_say(
    event: RequestCompleted,
) -> None:
    row = request_row(read_request(encode_value(event)), TRACE)

    assert (row.created_at, row.latency_ms, row.quota) == (
        seconds(event.completed_at),
        event.latency_ms,
        event.quota,
    )
    same = (
        *("workspace_id", "user_id", "username", "quota", "is_stream", "group", "request_id"),
        *("project_id", "provider_id", "provider", "dialect", "method", "path", "error_code"),
        *("parent_span_id", "upstream_latency_ms", "first_byte_ms", "rate_limit_remaining"),
        *("cache_hit", "cache_key", "outcome"),
    )
    assert [getattr(row, name) for name in same] == [getattr(event, name) for name in same]
    assert (row.token_id, row.token_name, row.ip) == (
        event.key_id,
        event.key_name,
        event.client_address,
    )
    assert (row.prompt_tokens, row.completion_tokens) == (
        event.usage.prompt_tokens,
        event.usage.completion_tokens,
    )
    assert (row.model_name, row.channel_id, row.channel_name) == (
        event.requested_model or "",
        event.channel_id or 0,
        event.channel_name or "",
    )
    assert (row.request_size_bytes, row.response_size_bytes, row.status_code) == (
        event.request_bytes,
        event.response_bytes,
        event.http_status,
    )
    assert (row.user_agent, row.origin, row.request_host, row.query_params) == (
        event.user_agent or None,
        event.origin or None,
        event.request_host or None,
        ",".join(event.query_parameters) or None,
    )
    assert row.rate_limited == (
        True if event.error_code is ErrorCode.RATE_LIMITED else event.rate_limited
    )
    reset_at = event.rate_limit_reset_at
    assert row.rate_limit_reset_at == (None if reset_at is None else seconds(reset_at))
    assert row.retry_count == max(0, len(event.attempts) - 1)
    assert row.trace_id == TRACE


@given(EVENTS)
def test_other_is_whole_again_when_it_is_read(event: RequestCompleted) -> None:
    row = request_row(read_request(encode_value(event)), TRACE)

    assert other_of(row._asdict()) == whole_other(event)


def whole_other(event: RequestCompleted) -> dict[str, Any]:
    """As the releases before this wrote it, field by field from the contract."""
    told = event.model_dump(mode="json")
    usage, other = told["usage"], {}
    if told["rating"] is not None:
        usual: dict[str, object] = {
            "output_audio_ratio": None,
            "output_image_ratio": None,
            "tier_above_tokens": None,
            "service_tier": "",
            "service_tier_ratio": 1.0,
            "tool_prices": {},
        }
        for name, value in told["rating"].items():
            figure = float(value) if name.endswith(("_ratio", "_price")) and value else value
            if name == "tool_prices":
                figure = {tool: float(price) for tool, price in value.items()}
            if name not in usual or figure != usual[name]:
                other[name] = figure
    other |= {
        "cache_tokens": usage["cached_tokens"],
        "frt": told["first_byte_ms"] or 0,
        "is_model_mapped": told["is_model_mapped"],
        "upstream_model_name": told["upstream_model"] or "",
        "provider": told["provider"] or "",
        "request_path": told["path"],
        "stream_status": None,
        "usage_source": told["usage_source"],
        "client_disconnected": told["client_disconnected"],
        "outcome": told["outcome"],
        "error_code": told["error_code"],
        "http_status": told["http_status"],
        "latency_ms": told["latency_ms"],
        "trace": TRACE,
    }
    if event.is_stream:
        other["stream_status"] = "client_gone" if event.client_disconnected else "completed"
        if event.outcome is not Outcome.SUCCEEDED:
            other["stream_status"] = "failed"
        if event.error_code is ErrorCode.UPSTREAM_CUT:
            other["stream_status"] = "cut"
    seldom = (
        *("cache_creation_tokens", "cache_creation_1h_tokens", "image_tokens", "audio_tokens"),
        *("reasoning_tokens", "output_audio_tokens", "output_image_tokens", "tool_calls"),
    )
    other |= {name: usage[name] for name in seldom if usage[name]}
    other |= {name: told[name] for name in ("suppressed_count", "tags") if told[name]}
    if not usage["prompt_includes_cached"]:
        other["prompt_includes_cached"] = False
    by_row = ("channel_name", "provider", "upstream_model")
    other["admin_info"] = {
        "use_channel": [str(tried["channel_id"]) for tried in told["attempts"]],
        "attempts": [
            {
                name: value
                for name, value in tried.items()
                if name not in by_row or tried["channel_id"] != told["channel_id"]
            }
            for tried in told["attempts"]
        ],
        "hold_quota": told["hold_quota"],
        "leases": told["leases"],
        **({"limits": told["limits"]} if told["limits"] else {}),
    }
    return other


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (LoggedRequest, RequestCompleted),
        (LoggedUsage, Usage),
        (LoggedRating, Rating),
    ],
)
def test_what_is_read_is_in_the_contract(part: type[msgspec.Struct], whole: type[Event]) -> None:
    for field in msgspec.structs.fields(part):
        promised = whole.model_fields[field.name]
        assert field.required is promised.is_required(), field.name


def test_an_attempt_is_repeated_whole() -> None:
    assert set(LoggedAttempt.__struct_fields__) == set(get_type_hints(Attempt)) - {
        *("TYPE", "model_config"),
        *(name for name in get_type_hints(Event)),
    }


BOUNDS: dict[str, list[Any]] = {
    "request_id": ["a" * 65, "a b", "a\n", "ü", None, 7],
    "workspace_id": [0, -1, MAX_ID + 1, None, 1.5],
    "username": ["a" * 129, "a\u0000", "a\n", "a\u007f", "\u0085"],
    "path": ["a" * 257, "a\t", "x\u0001"],
    "client_address": ["a" * 65, "\u001f"],
    "latency_ms": [-1, MAX_MS + 1],
    "request_bytes": [-1, MAX_BYTES + 1],
    "quota": [-1, MAX_QUOTA_UNITS + 1],
    "http_status": [99, 1000],
    "completed_at": ["2026-05-04T03:20:01", "yesterday"],
    "query_parameters": [["a b"], ["a"] * 17],
    "tags": [{"a": "b\n"}, {"x": "y" * 257}, {str(i): "" for i in range(11)}],
    "parent_span_id": ["a b", "a" * 65],
    "usage": [{"prompt_tokens": -1}, {"cached_tokens": MAX_TOKENS + 1}],
    "attempts": [[{}] * 17, 5],
    "leases": [7],
    "client_retry_count": [-1],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BOUNDS.items() for value in values]
)
def test_the_contracts_bounds_are_kept(name: str, value: object) -> None:
    told = request().model_dump(mode="json") | {name: value}
    sent = json.dumps(told, ensure_ascii=False).encode()
    try:
        RequestCompleted.model_validate_json(sent)
    except ValidationError:
        with pytest.raises(MalformedEventError):
            read_request(sent)
    else:
        assert read_request(sent).request_id == told["request_id"]


@pytest.mark.parametrize("ratio", ["-1", "1000001", "NaN", "Infinity", "many"])
def test_a_rating_that_is_none_is_malformed(ratio: str) -> None:
    told = request().model_dump(mode="json")
    told["rating"]["model_ratio"] = ratio
    with pytest.raises(MalformedEventError):
        stored_other(read_request(json.dumps(told).encode()))


@pytest.mark.parametrize("escaped", [rb"\u0000", rb"\ud800", rb"\n", rb"\u007f"])
@pytest.mark.parametrize("place", [b'"laptop"', b'"lease-1"', b'"primary"'])
def test_what_no_table_may_hold_is_found_however_deep_it_is(place: bytes, escaped: bytes) -> None:
    value = encode_value(request()).replace(place, b'"a' + escaped + b'"')
    with pytest.raises(MalformedEventError):
        read_request(value)
