"""A batch of requests becomes ledger entries, balances, leases' charges and figures, once."""

import asyncpg
import pytest

from shared.events.ledger import LedgerEntryPosted
from shared.events.requests import Outcome
from shared.kafka.outbox_rows import decode_row
from tests.integration.billing.charges import assert_sums_agree, balance, one_row, post, request
from tests.stack_fixtures import Database


async def test_a_batch_charges_each_request_once(pool: asyncpg.Pool) -> None:
    events = [request(quota=n, workspace=1 + n % 3, key=n % 5 + 1) for n in range(50)]
    assert await post(pool, *events) == 50
    assert await post(pool, *events[10:], request(quota=5)) == 1
    assert await balance(pool, 2) == -sum(n for n in range(50) if n % 3 == 1)
    await assert_sums_agree(pool)


async def test_the_same_request_twice_in_one_batch_is_one_charge(pool: asyncpg.Pool) -> None:
    event = request(quota=5)
    assert await post(pool, event, request(), event) == 2
    assert await balance(pool) == -15
    await assert_sums_agree(pool)


async def test_the_outbox_tells_of_each_entry_as_the_ledger_has_it(pool: asyncpg.Pool) -> None:
    await post(pool, request(quota=7, hold=5), request(quota=0, workspace=2))
    topic, row = await one_row(pool, "SELECT topic, records FROM event_outbox")
    assert topic == "billing.ledger"
    records = decode_row(row)
    entries = [LedgerEntryPosted.model_validate_json(r.value or b"") for r in records]
    assert [(e.amount_units, e.balance_after_units, e.excess_units) for e in entries] == [
        (-7, -7, 2),
        (0, 0, 0),
    ]
    assert [r.key for r in records] == [b"1", b"2"]
    ids = await pool.fetch("SELECT entry_id, posted_at FROM ledger_entries ORDER BY entry_id")
    assert [(e.entry_id, e.posted_at) for e in entries] == [tuple(row) for row in ids]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SUCCEEDED])
async def test_what_cost_something_is_charged_however_it_ended(
    pool: asyncpg.Pool, outcome: Outcome
) -> None:
    assert await post(pool, request(quota=3, outcome=outcome)) == 1


async def test_hours_are_those_of_completion(pool: asyncpg.Pool) -> None:
    await post(pool, request(), request())
    row = await one_row(pool, "SELECT created_at, token_used, count, quota FROM quota_data")
    assert row == (1777863600, 14, 2, 20)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_units = 0",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries CASCADE",
    ],
)
async def test_the_ledger_is_never_changed(
    pool: asyncpg.Pool, database: Database, statement: str
) -> None:
    """Neither by the role that runs nor by the owner of the table."""
    await post(pool, request())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
    owner = await asyncpg.connect(database.dsn("billing_owner"))
    try:
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(statement)
    finally:
        await owner.close()


async def test_another_services_role_reads_nothing_of_billing(
    pool: asyncpg.Pool, database: Database
) -> None:
    await post(pool, request())
    other = await asyncpg.connect(database.dsn("logging"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.fetch("SELECT * FROM billing.accounts")
    finally:
        await other.close()
