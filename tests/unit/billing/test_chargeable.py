"""What billing reads of a request, held against the contract."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.billing.charging.chargeable import (
    Charge,
    ChargeableLease,
    ChargeableRequest,
    ChargeableUsage,
    FailedRequest,
    NotChargeableError,
    read_charge,
)
from shared.events.event import Event, encode_value
from shared.events.numbers import MAX_ID, MAX_QUOTA_UNITS, MAX_TOKENS
from shared.events.requests import Attempt, LeaseUse, Outcome, Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from tests.integration.billing.charges import request

AT = datetime(2026, 5, 4, 3, 20, 1, 5, tzinfo=UTC)
ONE = Decimal(1)
TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from('"\\/u0ß€😀|:'), st.characters(codec="utf-8", exclude_categories=["Cc"])
    ),
    max_size=20,
)
CODES = st.text(alphabet="aZ09_.:-", max_size=64)
IDS = st.sampled_from([1, 7, MAX_ID])
UNITS = st.sampled_from([0, 1, 499, MAX_QUOTA_UNITS])
TOKENS = st.sampled_from([0, 3, MAX_TOKENS])
EVENTS = st.builds(
    RequestCompleted,
    request_id=CODES,
    workspace_id=IDS,
    project_id=st.none() | IDS,
    provider_id=st.none() | IDS,
    key_id=IDS,
    user_id=IDS,
    username=TEXTS,
    dialect=st.just("openai"),
    method=st.just("POST"),
    path=st.just("/"),
    group=TEXTS,
    user_group=TEXTS,
    requested_model=st.none() | TEXTS,
    upstream_model=st.none() | TEXTS,
    channel_id=st.none() | IDS,
    provider=st.none() | TEXTS,
    outcome=st.sampled_from(Outcome),
    http_status=st.just(200),
    usage=st.builds(
        Usage,
        prompt_tokens=TOKENS,
        completion_tokens=TOKENS,
        tool_calls=st.dictionaries(CODES, UNITS, max_size=2),
    ),
    usage_source=st.sampled_from(UsageSource),
    quota=UNITS,
    hold_quota=UNITS,
    rating=st.none()
    | st.builds(
        Rating,
        price_version=UNITS,
        model_ratio=st.sampled_from([ONE, Decimal("0.075")]),
        completion_ratio=st.just(ONE),
        cache_ratio=st.just(ONE),
        cache_creation_ratio=st.just(ONE),
        image_ratio=st.just(ONE),
        audio_ratio=st.just(ONE),
        group_ratio=st.just(ONE),
    ),
    leases=st.lists(
        st.builds(
            LeaseUse, lease_id=CODES, subject=st.sampled_from(["account:1", "key:7", "budget:1"])
        ),
        max_size=3,
    ).map(tuple),
    attempts=st.lists(
        st.builds(
            Attempt,
            channel_id=IDS,
            channel_name=TEXTS,
            provider=TEXTS,
            upstream_model=TEXTS,
            offset_ms=st.just(1),
            latency_ms=st.just(2),
        ),
        max_size=2,
    ).map(tuple),
    started_at=st.just(AT),
    completed_at=st.datetimes(
        datetime(1969, 12, 31),  # noqa: DTZ001 - hypothesis wants it so, and adds the zone
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
    ),
    latency_ms=st.just(1),
    user_agent=TEXTS,
)
SAID = ("username", "group", "user_group", "project_id", "provider_id", "provider", "channel_id")
SAID_TOO = ("upstream_model", "outcome", "started_at", "hold_quota", "usage_source", "usage")
SAID_IN_FULL = (*SAID, *SAID_TOO, "attempts", "leases")


def lease_of(event: RequestCompleted, subject: str) -> str | None:
    return next((use.lease_id for use in event.leases if use.subject == subject), None)


@given(EVENTS)
def test_whatever_the_contract_can_say_is_read_as_it_is_said(event: RequestCompleted) -> None:
    charge = read_charge(encode_value(event))
    if event.outcome is not Outcome.SUCCEEDED and event.quota == 0:
        assert isinstance(charge, FailedRequest)
        assert charge.request_id == event.request_id
        assert (charge.project_id, charge.provider_id) == (event.project_id, event.provider_id)
        return
    assert isinstance(charge, Charge)
    hour = event.completed_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert charge._replace(rating=b"", detail=b"") == Charge(
        request_id=event.request_id,
        workspace_id=event.workspace_id,
        key_id=event.key_id,
        user_id=event.user_id,
        username=event.username,
        model=event.requested_model or "",
        quota_units=event.quota,
        excess_units=max(0, event.quota - event.hold_quota),
        account_lease_id=lease_of(event, f"account:{event.workspace_id}"),
        key_lease_id=lease_of(event, f"key:{event.key_id}"),
        tokens=event.usage.prompt_tokens + event.usage.completion_tokens,
        hour=(hour - epoch) // timedelta(seconds=1),
        completed_at=event.completed_at,
        completed_at_us=(event.completed_at - epoch) // timedelta(microseconds=1),
        project_id=event.project_id,
        provider_id=event.provider_id,
        is_success=event.outcome is Outcome.SUCCEEDED,
        detail=b"",
        budget_leases=tuple(
            (use.lease_id, int(use.subject.removeprefix("budget:")))
            for use in event.leases
            if use.subject.startswith("budget:")
        ),
    )
    told = event.model_dump(mode="json")
    assert json.loads(charge.detail) == {name: told[name] for name in SAID_IN_FULL}
    assert (json.loads(charge.rating) if charge.rating else None) == told["rating"]


@pytest.mark.parametrize(
    ("part", "whole"),
    [(ChargeableRequest, RequestCompleted), (ChargeableUsage, Usage), (ChargeableLease, LeaseUse)],
)
def test_each_field_is_the_contracts(part: Any, whole: type[Event]) -> None:
    assert set(part.__struct_fields__) <= set(whole.model_fields)
    optional = part.__struct_fields__[len(part.__struct_fields__) - len(part.__struct_defaults__) :]
    needed = {name for name, field in whole.model_fields.items() if field.is_required()}
    # A request that names no group is charged all the same.
    assert needed & set(optional) <= {"group"}
    assert set(part.__struct_fields__) - set(optional) <= needed


BAD = "\x00", "\x1f", "\x7f", "\n", "a\n"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("request_id", ["", "a" * 64, "a" * 65, "ä", "a b", "a\n", None]),
        ("workspace_id", [0, 1, MAX_ID, MAX_ID + 1, -1, None]),
        ("key_id", [0, 1, MAX_ID, MAX_ID + 1]),
        ("user_id", [0, 1, MAX_ID, MAX_ID + 1]),
        ("project_id", [0, 1, MAX_ID, MAX_ID + 1, None]),
        ("provider_id", [0, 1, MAX_ID, MAX_ID + 1, None]),
        ("username", ["", "ß" * 128, "ß" * 129, "\u200b", None, *BAD]),
        ("requested_model", ["", "ß" * 128, "ß" * 129, None, *BAD]),
        ("outcome", ["succeeded", "rejected", "Succeeded", "", None]),
        ("quota", [-1, 0, MAX_QUOTA_UNITS, MAX_QUOTA_UNITS + 1, None]),
        ("hold_quota", [-1, 0, MAX_QUOTA_UNITS, MAX_QUOTA_UNITS + 1, None]),
        ("usage", [{}, {"prompt_tokens": MAX_TOKENS + 1}, {"completion_tokens": -1}, None, []]),
        ("leases", [[], [{"lease_id": "a", "subject": "b"}], [{"lease_id": "a\n"}], [{}], None]),
        ("completed_at", ["2026-05-04T03:20:01Z", "2026-05-04T03:20:01", "2026-05-04", "", None]),
    ],
)
def test_each_bound_is_the_contracts(field: str, values: list[Any]) -> None:
    for value in values:
        said = json.loads(encode_value(request())) | {field: value}
        raw = json.dumps(said).encode()
        try:
            RequestCompleted.model_validate_json(raw)
        except ValidationError:
            with pytest.raises(NotChargeableError):
                read_charge(raw)
        else:
            read_charge(raw)


@given(st.data())
def test_what_is_kept_of_damaged_bytes_can_be_read_again(data: st.DataObject) -> None:
    """What PostgreSQL would not take would stop the whole batch."""
    raw = bytearray(encode_value(request()))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + 1] = data.draw(
            st.sampled_from(
                [b"", b'"', b"\\", b"\\u0000", b"\xff", b"\x00", b"\n", b"[", b"0", b","]
            )
        )
    try:
        charge = read_charge(bytes(raw))
    except NotChargeableError:
        return
    for kept in (charge.detail, charge.rating) if isinstance(charge, Charge) else ():
        assert "\\u0000" not in kept.decode().replace("\\\\", "")
        if kept:
            json.loads(kept)


def test_a_text_that_only_looks_like_a_null_character_is_charged() -> None:
    event = request().model_copy(update={"group": "\\u0000"})
    charge = read_charge(encode_value(event))
    assert isinstance(charge, Charge)
    assert json.loads(charge.detail)["group"] == "\\u0000"


def test_nothing_of_the_client_or_of_what_was_said_is_kept() -> None:
    event = request().model_copy(
        update={"user_agent": "secret-1", "client_address": "secret-2", "tags": {"a": "secret-3"}}
    )
    charge = read_charge(encode_value(event))
    assert isinstance(charge, Charge)
    assert b"secret" not in charge.detail + charge.rating


@pytest.mark.parametrize(
    ("outcome", "quota", "is_charged"),
    [
        (Outcome.SUCCEEDED, 0, True),
        (Outcome.SUCCEEDED, 5, True),
        (Outcome.FAILED, 0, False),
        (Outcome.FAILED, 5, True),
        (Outcome.INTERRUPTED, 0, False),
        (Outcome.REJECTED, 0, False),
    ],
)
def test_what_succeeded_or_cost_something_has_an_entry(
    outcome: Outcome, quota: int, *, is_charged: bool
) -> None:
    value = encode_value(request(outcome=outcome, quota=quota))
    assert isinstance(read_charge(value), Charge) is is_charged


def test_only_the_accounts_and_the_keys_own_leases_are_charged() -> None:
    event = request(workspace=5, key=9, lease="l1", key_lease="l2")
    charge = read_charge(encode_value(event))
    assert isinstance(charge, Charge)
    assert (charge.account_lease_id, charge.key_lease_id) == ("l1", "l2")
    charge = read_charge(encode_value(event.model_copy(update={"workspace_id": 6, "key_id": 10})))
    assert isinstance(charge, Charge)
    assert (charge.account_lease_id, charge.key_lease_id) == (None, None)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"nonsense", b'{"request_id": 5}', b"\xff\xfe", b"[" * 60_000]
)
def test_what_is_no_request_is_told_so(value: bytes) -> None:
    with pytest.raises(NotChargeableError):
        read_charge(value)
