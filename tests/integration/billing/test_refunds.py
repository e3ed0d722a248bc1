"""A refund reverses its charge wherever it was counted, and never more than the charge was."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.billing.budgets.posting import close_due
from services.billing.charging.posting import post_charges
from services.billing.keys.key_quota import KeyQuota
from services.billing.keys.store_keys import apply_quotas
from services.billing.ledger.refunds import Refund, Refunded, refund
from shared.events.event import new_event_id
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.events.requests import Outcome, RequestCompleted
from shared.http.envelope import EnvelopeError
from shared.kafka.outbox_rows import decode_row
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import (
    COMPLETED_AT,
    assert_sums_agree,
    balance,
    charge,
    one_row,
    post,
    request,
)
from tests.integration.billing.test_budgets import back, make, now, spent
from tests.integration.billing.test_top_ups import ADMIN, send


async def give_back(
    pool: asyncpg.Pool, event: RequestCompleted, *, key: str = "k", units: int | None = None
) -> Refunded:
    wanted = Refund(
        request_id=event.request_id, quota_units=units, idempotency_key=key, reason="it was bad"
    )
    return await in_transaction(pool, partial(refund, wanted=wanted, admin=ADMIN))


async def events_of(pool: asyncpg.Pool, kind: EntryKind) -> list[LedgerEntryPosted]:
    rows = await pool.fetch(
        "SELECT records FROM event_outbox WHERE topic = 'billing.ledger' ORDER BY id"
    )
    entries = [
        LedgerEntryPosted.model_validate_json(record.value or b"")
        for row in rows
        for record in decode_row(row["records"])
    ]
    return [entry for entry in entries if entry.kind is kind]


async def test_a_refund_is_taken_from_everything_that_its_charge_was_added_to(
    pool: asyncpg.Pool,
) -> None:
    await in_transaction(pool, partial(apply_quotas, quotas=[KeyQuota(7, 1, 1000, 3)]))
    event, other = (
        request(quota=100),
        request(quota=20, completed_at=COMPLETED_AT + timedelta(hours=5)),
    )
    await post(pool, event, other)

    done = await give_back(pool, event, units=40)

    assert (done.entry.amount_units, done.refundable_units) == (40, 60)
    assert await balance(pool) == -80
    assert await one_row(pool, "SELECT charged_units FROM accounts") == (80,)
    used = await one_row(pool, "SELECT used_quota, request_count, last_used_at FROM token_usage")
    assert used == (80, 2, other.completed_at)
    hours = await pool.fetch("SELECT quota, count, token_used FROM quota_data ORDER BY created_at")
    assert [tuple(hour) for hour in hours] == [(60, 1, 7), (20, 1, 7)], "the original's hour"
    await assert_sums_agree(pool)


@pytest.mark.usefixtures("at_noon")
async def test_a_refund_is_taken_from_the_budgets_that_its_charge_counted_to(
    pool: asyncpg.Pool,
) -> None:
    """Those of its project, in the period of the charge, which may be over."""
    project, whole, other = (
        await make(pool, project_id=5),
        await make(pool),
        await make(pool, project_id=6),
    )
    for budget in (project, whole, other):
        await back(pool, budget, 1)
    event = request(quota=100, project=5, completed_at=now() - timedelta(days=1))
    await post(pool, event)
    await close_due(pool, 200)
    await give_back(pool, event, units=40)
    history = await pool.fetch(
        "SELECT budget_id, actual_spent_units, request_count FROM budget_history ORDER BY 1"
    )
    assert [tuple(row) for row in history] == [(project, 60, 1), (whole, 60, 1), (other, 0, 0)]
    assert [await spent(pool, budget) for budget in (project, whole, other)] == [(0, 0, 0)] * 3


async def test_its_event_names_the_charge_and_what_the_key_has_left(pool: asyncpg.Pool) -> None:
    await in_transaction(pool, partial(apply_quotas, quotas=[KeyQuota(7, 1, 1000, 3)]))
    event = request(quota=100)
    await post(pool, event)
    charge_id = await pool.fetchval("SELECT entry_id FROM ledger_entries")

    await give_back(pool, event)

    (told,) = await events_of(pool, EntryKind.REFUND)
    assert (told.refers_to_entry_id, told.refers_to_request_id) == (charge_id, event.request_id)
    assert (told.amount_units, told.balance_after_units) == (100, 0)
    assert (told.key_id, told.key_remain_units, told.key_quota_version) == (7, 1000, 3)
    assert (told.bucket_at, told.username) == (event.completed_at, "user 1")
    assert (told.actor_user_id, told.note, told.is_of_use) == (1, "it was bad", True)


async def test_without_an_amount_all_that_is_left_is_given_back(pool: asyncpg.Pool) -> None:
    event = request(quota=100)
    await post(pool, event)
    await give_back(pool, event, key="first", units=30)
    done = await give_back(pool, event, key="rest")
    assert (done.entry.amount_units, done.refundable_units) == (70, 0)
    assert await balance(pool) == 0
    with pytest.raises(EnvelopeError, match="0 quota units are left"):
        await give_back(pool, event, key="more")
    await assert_sums_agree(pool)


async def test_a_repeat_moves_nothing_and_is_answered_the_same(pool: asyncpg.Pool) -> None:
    event = request(quota=100)
    await post(pool, event)
    done = await asyncio.gather(*(give_back(pool, event, units=30) for _ in range(20)))
    assert sorted(d.entry.is_repeated for d in done) == [False] + [True] * 19
    assert {(d.entry.entry_id, d.refundable_units) for d in done} == {(done[0].entry.entry_id, 70)}
    assert len(await events_of(pool, EntryKind.REFUND)) == 1
    await assert_sums_agree(pool)


async def test_a_key_used_for_something_else_is_an_error(pool: asyncpg.Pool) -> None:
    event, other = request(quota=100), request(quota=100, workspace=2)
    await post(pool, event, other)
    await give_back(pool, event, units=30)
    for wrong in (give_back(pool, event, units=31), give_back(pool, other, units=30)):
        with pytest.raises(EnvelopeError, match="idempotency_key"):
            await wrong
    await assert_sums_agree(pool)


async def test_fifty_refunds_at_once_never_give_back_more_than_was_charged(
    pool: asyncpg.Pool,
) -> None:
    event = request(quota=100)
    await post(pool, event)
    done = await asyncio.gather(
        *(give_back(pool, event, key=f"k{n}", units=7) for n in range(50)), return_exceptions=True
    )
    given = [one for one in done if isinstance(one, Refunded)]
    assert len(given) == 14
    assert all(isinstance(one, Refunded | EnvelopeError) for one in done)
    assert await balance(pool) == -2
    await assert_sums_agree(pool)


async def test_what_was_not_charged_cannot_be_refunded(pool: asyncpg.Pool) -> None:
    await send(pool, key="k", workspace=1)
    entry_id = await pool.fetchval("SELECT entry_id FROM ledger_entries")
    for names in ({"request_id": new_event_id()}, {"entry_id": entry_id}, {"entry_id": 10**9}):
        wanted = Refund(**names, idempotency_key="k", reason="r")
        with pytest.raises(EnvelopeError, match="no such charge"):
            await in_transaction(pool, partial(refund, wanted=wanted, admin=ADMIN))


INSERT = """
INSERT INTO ledger_entries (workspace_id, kind, cause, amount_units, balance_after_units,
    posted_at, bucket_at, refers_to_entry_id, prev_hash, entry_hash)
VALUES ($1, $2, gen_random_uuid()::text, $3, 0, now(), now(), $4, sha256(''), sha256(''))
"""


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"units": 71}, asyncpg.CheckViolationError),
        ({"units": -1}, asyncpg.CheckViolationError),
        ({"kind": "adjustment", "units": 71}, asyncpg.CheckViolationError),
        ({"workspace": 2}, asyncpg.IntegrityConstraintViolationError),
        ({"kind": "top_up"}, asyncpg.IntegrityConstraintViolationError),
        ({"refers_to": 10**9}, asyncpg.IntegrityConstraintViolationError),
    ],
)
async def test_the_database_refuses_what_billing_would_not_post(
    pool: asyncpg.Pool, changed: dict[str, Any], error: type[Exception]
) -> None:
    """By hand, past all of billing's own rules: 70 of the charge's 100 are left."""
    event = request(quota=100)
    await post(pool, event)
    done = await give_back(pool, event, units=30)
    values = {"workspace": 1, "kind": "refund", "units": 1, "refers_to": done.charge.entry_id}
    values |= changed
    with pytest.raises(error):
        await pool.execute(INSERT, *values.values())


async def test_fifty_inserts_by_hand_never_give_back_more_than_was_charged(
    pool: asyncpg.Pool,
) -> None:
    """Without billing's lock on the account: the constraint alone."""
    event = request(quota=100)
    await post(pool, event)
    entry_id = await pool.fetchval("SELECT entry_id FROM ledger_entries")
    done = await asyncio.gather(
        *(pool.execute(INSERT, 1, "refund", 7, entry_id) for _ in range(50)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, BaseException) for one in done) == 14
    assert all(isinstance(one, str | asyncpg.CheckViolationError) for one in done)
    refunded = "SELECT refunded_units FROM charge_settlements"
    assert await one_row(pool, refunded) == (98,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE charge_settlements SET refunded_units = 0",
        "DELETE FROM charge_settlements",
        "INSERT INTO charge_settlements VALUES (1, 10, 0, 0)",
    ],
)
async def test_the_sums_move_by_entries_alone(pool: asyncpg.Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)


async def test_a_charge_from_before_entries_said_whose_it_was(pool: asyncpg.Pool) -> None:
    """Of a user who was renamed within the hour the row with the most use is lowered."""
    renamed = request(quota=160).model_copy(update={"username": "as it was later"})
    event = request(quota=100)
    old = charge(event)._replace(detail=b"{}")  # as billing wrote it once
    charges = [charge(renamed), old]
    await in_transaction(pool, partial(post_charges, charges=charges))
    await give_back(pool, event, units=10)
    hours = await pool.fetch("SELECT username, quota FROM quota_data ORDER BY quota")
    assert [tuple(hour) for hour in hours] == [("user 1", 100), ("as it was later", 150)]
    (told,) = await events_of(pool, EntryKind.REFUND)
    assert (told.username, told.refers_to_failed) == ("as it was later", False)
    await assert_sums_agree(pool)


async def test_a_refund_says_whether_its_request_had_failed(pool: asyncpg.Pool) -> None:
    events = [request(), request(outcome=Outcome.FAILED)]
    await post(pool, *events)
    for event in events:
        await give_back(pool, event, key=event.request_id)
    told = await events_of(pool, EntryKind.REFUND)
    assert [entry.refers_to_failed for entry in told] == [False, True]
