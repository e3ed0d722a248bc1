"""Adjustments and transfers: once for each key, and each on its workspaces' ledgers."""

import asyncio
from functools import partial
from typing import Any

import asyncpg
import pytest

from services.billing.ledger.adjustments import Adjustment, adjust
from services.billing.ledger.refunds import Refund, refund
from services.billing.ledger.store_entries import PostedEntry
from services.billing.ledger.transfers import Side, Transfer, Transferred, transfer
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance, one_row, post, request
from tests.integration.billing.lease_messages import ask, tell
from tests.integration.billing.test_top_ups import ADMIN, send


async def correct(pool: asyncpg.Pool, *, key: str = "k", **changed: Any) -> PostedEntry:
    values: dict[str, Any] = {
        "workspace_id": 1,
        "owner_user_id": 9,
        "quota_units": -30,
        "idempotency_key": key,
        "reason": "counted wrongly",
    }
    wanted = Adjustment(**(values | changed))
    return await in_transaction(pool, partial(adjust, wanted=wanted, admin=ADMIN))


async def move(
    pool: asyncpg.Pool, *, key: str = "k", units: int = 30, source: int = 1, target: int = 2
) -> Transferred:
    wanted = Transfer(
        source=Side(source, 9),
        target=Side(target, 8),
        quota_units=units,
        idempotency_key=key,
        reason="they share it",
    )
    return await in_transaction(pool, partial(transfer, wanted=wanted, admin=ADMIN))


async def test_an_adjustment_of_a_balance_moves_no_use(pool: asyncpg.Pool) -> None:
    await post(pool, request(quota=10))
    posted = await correct(pool)
    assert (posted.amount_units, posted.balance_after_units) == (-30, -40)
    assert await one_row(pool, "SELECT balance_units, charged_units FROM accounts") == (-40, 10)
    assert await one_row(pool, "SELECT used_quota FROM token_usage") == (10,)
    await assert_sums_agree(pool)


@pytest.mark.parametrize("how", ["refund", "adjustment"])
async def test_more_than_a_charge_was_at_first_is_given_back_once_an_adjustment_has_raised_it(
    pool: asyncpg.Pool, how: str
) -> None:
    event = request(quota=10)
    await post(pool, event)
    await correct(pool, quota_units=-90, refers_to_request_id=event.request_id)
    if how == "refund":
        wanted = Refund(
            request_id=event.request_id, quota_units=95, idempotency_key="k", reason="it was bad"
        )
        await in_transaction(pool, partial(refund, wanted=wanted, admin=ADMIN))
    else:
        await correct(pool, key="down", quota_units=95, refers_to_request_id=event.request_id)
    net = "SELECT charged_units + adjusted_units - refunded_units FROM charge_settlements"
    assert await one_row(pool, net) == (5,)
    await assert_sums_agree(pool)


async def test_an_adjustment_of_a_charge_moves_what_was_used(pool: asyncpg.Pool) -> None:
    event = request(quota=10)
    await post(pool, event)
    await correct(pool, refers_to_request_id=event.request_id)
    assert await one_row(pool, "SELECT balance_units, charged_units FROM accounts") == (-40, 40)
    assert await one_row(pool, "SELECT used_quota, request_count FROM token_usage") == (40, 1)
    assert await one_row(pool, "SELECT quota, count FROM quota_data") == (40, 1)
    await assert_sums_agree(pool)


async def test_what_an_adjustment_adds_can_be_refunded_and_what_it_takes_off_cannot(
    pool: asyncpg.Pool,
) -> None:
    event = request(quota=10)
    await post(pool, event)
    of_charge = {"refers_to_request_id": event.request_id}
    await correct(pool, key="up", quota_units=-5, **of_charge)
    await correct(pool, key="down", quota_units=8, **of_charge)
    with pytest.raises(EnvelopeError, match="7 quota units are left"):
        await correct(pool, key="too much", quota_units=8, **of_charge)
    wanted = Refund(request_id=event.request_id, idempotency_key="r", reason="r")
    done = await in_transaction(pool, partial(refund, wanted=wanted, admin=ADMIN))
    assert done.entry.amount_units == 7
    assert await balance(pool) == 0
    await assert_sums_agree(pool)


async def test_twenty_adjustments_of_one_key_are_one(pool: asyncpg.Pool) -> None:
    event = request(quota=10)
    await post(pool, event)
    of_charge = {"refers_to_request_id": event.request_id}
    done = await asyncio.gather(*(correct(pool, **of_charge) for _ in range(20)))
    assert sorted(one.is_repeated for one in done) == [False] + [True] * 19
    assert await balance(pool) == -40
    for changed in ({"quota_units": -31}, {"refers_to_request_id": None}):
        with pytest.raises(EnvelopeError, match="idempotency_key"):
            await correct(pool, **(of_charge | changed))
    await assert_sums_agree(pool)


async def test_a_key_that_a_what_if_run_would_use_is_refused(pool: asyncpg.Pool) -> None:
    """Its entry would stand for the run's, and the run's difference would never be posted."""
    with pytest.raises(EnvelopeError, match="may not begin with `what-if:`"):
        await correct(pool, key="what-if:1:1")
    assert await pool.fetchval("SELECT count(*) FROM ledger_entries") == 0


async def test_anothers_charge_is_not_adjusted(pool: asyncpg.Pool) -> None:
    event = request(quota=10, workspace=2)
    await post(pool, event)
    with pytest.raises(EnvelopeError, match="another workspace's"):
        await correct(pool, refers_to_request_id=event.request_id)
    assert await balance(pool, 2) == -10


async def test_a_transfer_is_an_entry_in_each_ledger(pool: asyncpg.Pool) -> None:
    await send(pool, key="k", units=100, workspace=1)
    done = await asyncio.gather(*(move(pool) for _ in range(10)))
    assert (await balance(pool, 1), await balance(pool, 2)) == (70, 30)
    assert {one.taken.entry_id for one in done} == {done[0].taken.entry_id}
    entries = await pool.fetch(
        "SELECT workspace_id, amount_units, user_id FROM ledger_entries WHERE kind = 'transfer'"
    )
    assert sorted(tuple(entry) for entry in entries) == [(1, -30, 9), (2, 30, 8)]
    await assert_sums_agree(pool)


@pytest.mark.parametrize("changed", [{"units": 31}, {"target": 3}, {"source": 3}])
async def test_a_transfers_key_used_for_something_else_is_an_error(
    pool: asyncpg.Pool, changed: dict[str, Any]
) -> None:
    for workspace in (1, 3):
        await send(pool, key=f"k{workspace}", units=100, workspace=workspace)
    await move(pool)
    with pytest.raises(EnvelopeError, match="idempotency_key"):
        await move(pool, **changed)
    await assert_sums_agree(pool)


async def test_what_leases_hold_is_not_transferred(pool: asyncpg.Pool) -> None:
    await send(pool, key="k", units=100, workspace=1)
    await tell(pool, ask("lease", 1, workspace=1, need=80))
    with pytest.raises(EnvelopeError, match="20 quota units are there"):
        await move(pool, units=21)
    await move(pool, units=20)
    assert await balance(pool, 1) == 80
    await assert_sums_agree(pool)


async def test_transfers_both_ways_at_once_never_deadlock(pool: asyncpg.Pool) -> None:
    for workspace in (1, 2):
        await send(pool, key=f"k{workspace}", units=1000, workspace=workspace)
    await asyncio.gather(
        *(move(pool, key=f"{n}", units=1, source=1 + n % 2, target=2 - n % 2) for n in range(40))
    )
    assert (await balance(pool, 1), await balance(pool, 2)) == (1000, 1000)
    await assert_sums_agree(pool)
