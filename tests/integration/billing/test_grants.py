"""Grants that end: they pay first, get back what they paid, and lose what is left."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from operations.ledger_chain.table import check_table
from services.billing.grants import expiring
from services.billing.grants.expiring import expire_ended
from services.billing.grants.giving import Grant, give
from services.billing.ledger.store_entries import PostedEntry
from shared.events.requests import RequestCompleted
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance, post, request
from tests.integration.billing.lease_messages import ask, fund, tell
from tests.integration.billing.test_adjustments import correct, move
from tests.integration.billing.test_refunds import give_back
from tests.integration.billing.test_top_ups import ADMIN
from tests.stack_fixtures import Database

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


async def grant(
    pool: asyncpg.Pool,
    units: int = 100,
    *,
    key: str = "k",
    end: datetime | None = SOON,
    workspace: int = 1,
) -> PostedEntry:
    wanted = Grant(
        workspace_id=workspace,
        owner_user_id=9,
        quota_units=units,
        expires_at=end,
        idempotency_key=key,
        reason="welcome",
    )
    return await in_transaction(pool, partial(give, wanted=wanted, admin=ADMIN))


def used(units: int) -> RequestCompleted:
    return request(quota=units, completed_at=datetime.now(UTC))


async def lots(pool: asyncpg.Pool) -> list[int]:
    """What is left of each."""
    rows = await pool.fetch("SELECT remaining_units FROM grants ORDER BY grant_id")
    return [row["remaining_units"] for row in rows]


async def end_all(pool: asyncpg.Pool) -> int:
    """Let all of them have ended, and expire them."""
    await pool.execute("UPDATE grants SET expires_at = now()")
    return await expire_ended(pool)


async def sources(pool: asyncpg.Pool, event: RequestCompleted) -> str:
    cause = f"request:{event.request_id}"
    found = "SELECT detail -> 'sources' FROM ledger_entries WHERE cause = $1"
    return str(await pool.fetchval(found, cause))


async def test_a_grant_pays_before_the_balance_and_the_entry_says_so(
    pool: asyncpg.Pool, database: Database
) -> None:
    await fund(pool, 1000)
    await grant(pool)
    first, second = used(60), used(70)
    await post(pool, first, second)
    assert await lots(pool) == [0]
    assert await balance(pool) == 970
    assert await sources(pool, first) == '[{"grant_id":1,"units":60}]'
    assert await sources(pool, second) == '[{"grant_id":1,"units":40}]'
    assert await end_all(pool) == 0
    await assert_sums_agree(pool)
    connection = await asyncpg.connect(database.dsn("reconcile"))
    try:
        assert (await check_table(connection, None)).breaks == [], "what paid is hashed as well"
    finally:
        await connection.close()


async def test_what_is_left_expires_once(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await grant(pool)
    await post(pool, used(30))
    taken = [await end_all(pool), await end_all(pool)]
    assert taken == [70, 0]
    assert await balance(pool) == 1000
    (entry,) = await pool.fetch("SELECT amount_units FROM ledger_entries WHERE kind = 'expiry'")
    assert entry["amount_units"] == -70
    await assert_sums_agree(pool)


async def test_what_a_lease_holds_expires_when_it_lets_go(pool: asyncpg.Pool) -> None:
    await grant(pool)
    await tell(pool, ask("lease", 1, need=80))
    assert await end_all(pool) == 20
    assert await end_all(pool) == 0
    await tell(pool, ask("lease", 2, used=10, close=True))
    assert await end_all(pool) == 70
    assert (await balance(pool), await lots(pool)) == (10, [10])
    await assert_sums_agree(pool)


async def test_a_refund_goes_back_to_the_grant_that_paid(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await grant(pool, 50)
    event = used(80)
    await post(pool, event)
    await give_back(pool, event, key="balance", units=30)
    assert await lots(pool) == [0]
    await give_back(pool, event, key="grant", units=20)
    assert await lots(pool) == [20]
    assert await end_all(pool) == 20
    await give_back(pool, event, key="ended", units=30)
    assert (await lots(pool), await balance(pool)) == ([0], 1030)
    await assert_sums_agree(pool)


async def test_what_covers_a_debt_is_spent(pool: asyncpg.Pool) -> None:
    await post(pool, used(60))
    await grant(pool)
    assert await lots(pool) == [40]
    assert await end_all(pool) == 40
    assert await balance(pool) == 0


@pytest.mark.parametrize("way", ["transfer", "adjustment", "of a charge"])
async def test_what_left_another_way_is_not_taken_from_what_is_paid_in_after_it(
    pool: asyncpg.Pool, way: str
) -> None:
    event = used(1)
    await fund(pool, 1)
    await post(pool, event)
    await grant(pool)
    if way == "transfer":
        await move(pool, units=70)
    else:
        of = event.request_id if way == "of a charge" else None
        await correct(pool, quota_units=-70, refers_to_request_id=of)
    assert await lots(pool) == [30]
    await fund(pool, 1000)
    assert await end_all(pool) == 30
    assert await balance(pool) == 1000
    await assert_sums_agree(pool)


async def test_a_refund_that_covers_a_debt_does_not_expire(pool: asyncpg.Pool) -> None:
    await grant(pool)
    event = used(100)
    await post(pool, event, used(60))
    await give_back(pool, event, units=80)
    assert (await balance(pool), await lots(pool)) == (20, [20])
    await fund(pool, 1000)
    assert await end_all(pool) == 20
    assert await balance(pool) == 1000


async def test_what_a_request_used_of_a_lot_that_had_just_ended_is_gone(
    pool: asyncpg.Pool,
) -> None:
    """It was promised by a lease; what is paid in before the next sweep pays it no second time."""
    await grant(pool)
    await pool.execute("UPDATE grants SET expires_at = now() - interval '1 minute'")
    await post(pool, used(80))
    assert await lots(pool) == [20]
    await fund(pool, 1000)
    assert await end_all(pool) == 20
    assert await balance(pool) == 1000
    await assert_sums_agree(pool)


async def test_lots_that_leases_hold_keep_no_other_account_s_from_expiring(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiring, "_AT_ONCE", 1)
    for workspace in (1, 2, 3):
        await grant(pool, key=f"k{workspace}", workspace=workspace)
    await tell(pool, ask("lease", 1, need=100))
    assert await end_all(pool) == 200
    assert await lots(pool) == [100, 0, 0]


async def test_a_grant_without_an_end_is_a_part_of_the_balance(pool: asyncpg.Pool) -> None:
    posted = await grant(pool, end=None)
    assert (posted.amount_units, await lots(pool), await balance(pool)) == (100, [], 100)
    await assert_sums_agree(pool)


async def test_twenty_of_one_key_are_one(pool: asyncpg.Pool) -> None:
    done = await asyncio.gather(*(grant(pool) for _ in range(20)))
    assert sorted(one.is_repeated for one in done) == [False] + [True] * 19
    assert (await lots(pool), await balance(pool)) == ([100], 100)
    for wrong in (grant(pool, 101), grant(pool, end=None), grant(pool, end=SOON + timedelta(1))):
        with pytest.raises(EnvelopeError, match="idempotency_key"):
            await wrong


async def test_an_end_that_is_past_is_refused(pool: asyncpg.Pool) -> None:
    with pytest.raises(EnvelopeError, match="past"):
        await grant(pool, end=datetime.now(UTC) - timedelta(seconds=1))
    assert await pool.fetchval("SELECT count(*) FROM ledger_entries") == 0
