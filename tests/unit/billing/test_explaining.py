"""Why a charge is what it is: what is told adds up by hand to what was charged."""

from typing import Any

import pytest

from services.billing.ledger.explaining import KeptCharge, explain
from tests.unit.money.test_golden import rating_of, rows, usage_of
from tests.written_sums import added_up, rounded

ENTRY = {
    "request_id": "r",
    "entry_id": 5,
    "workspace_id": 2,
    "key_id": 7,
    "user_id": 3,
    "model": "gpt-4o-mini",
    "amount_units": -100,
    "balance_before_units": 1000,
    "balance_after_units": 900,
    "excess_units": 0,
    "posted_at": 1_777_864_801,
    "prev_hash": "00",
    "entry_hash": "11",
}
TRIED = {
    "channel_id": 4,
    "channel_name": "secret name",
    "provider": "openai",
    "provider_id": 1,
    "credential_id": 9,
    "upstream_model": "gpt-4o-mini",
    "offset_ms": 1,
    "latency_ms": 20,
    "http_status": 200,
    "error_code": None,
}


def told(
    *, is_admin: bool = False, entry: dict[str, Any] | None = None, **kept: Any
) -> dict[str, Any]:
    values: dict[str, Any] = {"detail": {}, "rating": None, "changes": (), "budgets": ()}
    return explain(KeptCharge(entry=ENTRY | (entry or {}), **(values | kept)), is_admin=is_admin)


@pytest.mark.parametrize("row", rows("openai", "anthropic", "dimensions"))
def test_the_sum_that_is_told_adds_up_to_what_was_charged(row: dict[str, Any]) -> None:
    answer = told(
        entry={"amount_units": -row["quota"]},
        detail={"usage": usage_of(row), "usage_source": "provider"},
        rating=rating_of(row),
    )
    if row["quota"]:
        reckoned, _, _ = answer["formula"].partition(" = ")
        assert rounded(added_up(reckoned)) == -answer["amount_units"]
    assert (answer["rated_quota"], answer["is_rated_same"]) == (row["quota"], True)
    assert answer["price_version"] == 1


def test_the_inputs_are_counted_by_what_they_cost() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 50,
        "cached_tokens": 400,
        "cache_creation_tokens": 100,
        "cache_creation_1h_tokens": 30,
        "tool_calls": {"web_search": 2},
    }
    answer = told(detail={"usage": usage})
    inputs = answer["inputs"]
    assert (inputs["prompt"], inputs["cached"], inputs["completion"]) == (1000, 400, 50)
    assert (inputs["cache_creation"], inputs["cache_creation_1h"]) == (70, 30)
    assert inputs["tools"] == {"web_search": 2}


def test_a_charge_that_the_ratios_do_not_explain_says_so() -> None:
    rating = {"price_version": 3, "model_ratio": "1", "group_ratio": "1"}
    answer = told(detail={"usage": {"prompt_tokens": 99}}, rating=rating)
    assert (answer["rated_quota"], answer["is_rated_same"]) == (99, False)


def test_what_is_older_than_what_entries_keep_is_told_as_far_as_it_goes() -> None:
    answer = told(entry={"prev_hash": None, "entry_hash": None})
    assert answer["amount_units"] == -100
    assert answer["source"]["balance_units"] == 100
    for unknown in ("inputs", "ratios", "formula", "rated_quota", "is_rated_same", "outcome"):
        assert answer[unknown] is None
    assert answer["attempts"] == []


def test_channels_and_credentials_are_for_admins() -> None:
    detail = {"attempts": [TRIED], "channel_id": 4}
    (users,), (admins,) = (
        told(detail=detail, is_admin=is_admin)["attempts"] for is_admin in (False, True)
    )
    assert admins == TRIED
    assert users == {
        name: value
        for name, value in TRIED.items()
        if name not in {"channel_id", "channel_name", "credential_id"}
    }
    assert "secret name" not in repr(told(detail=detail))
    assert "channel_id" not in told(detail=detail)


def test_the_money_came_from_grants_first_and_then_from_the_balance() -> None:
    sources = [{"grant_id": 1, "units": 30}, {"grant_id": 2, "units": 20}]
    leases = [{"lease_id": "l", "subject": "account:2"}]
    budgets = [{"budget_id": 8, "name": "team"}]
    source = told(detail={"sources": sources, "leases": leases}, budgets=budgets)["source"]
    assert source == {
        "account": 2,
        "key_id": 7,
        "grants": sources,
        "balance_units": 50,
        "leases": leases,
        "budgets": budgets,
    }


def test_what_was_changed_since_is_told_and_summed() -> None:
    changes = [
        {"entry_id": 6, "kind": "refund", "amount_units": 30, "reason": "a", "posted_at": 1},
        {"entry_id": 7, "kind": "adjustment", "amount_units": -5, "reason": "b", "posted_at": 2},
    ]
    answer = told(changes=changes)
    assert [one["entry_id"] for one in answer["refunds"]] == [6]
    assert [one["amount_units"] for one in answer["adjustments"]] == [-5]
    assert answer["net_units"] == 75
