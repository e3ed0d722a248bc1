"""What a key may spend: set once for each version, leased beside its account, and charged."""

import asyncio
from functools import partial

import asyncpg

from services.billing.keys.key_quota import KeyQuota
from services.billing.keys.store_keys import apply_quotas
from services.billing.leases.releases import Order, release
from services.billing.leases.store_lease_lists import list_leases
from shared.leases.protocol import LeaseState
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance, one_row, post, request
from tests.integration.billing.lease_messages import ask, fund, tell

KEY = 7
LIMIT = "SELECT limit_units, quota_version FROM token_usage WHERE key_id = 7"
HELD = "SELECT held_units, uncharged_units FROM token_usage WHERE key_id = 7"


async def allow(pool: asyncpg.Pool, remain: int | None, version: int, *, workspace: int = 1) -> int:
    quotas = [KeyQuota(KEY, workspace, remain, version)]
    return await in_transaction(pool, partial(apply_quotas, quotas=quotas))


async def test_a_limit_is_what_was_charged_and_what_remains(pool: asyncpg.Pool) -> None:
    await post(pool, request(quota=30, key=KEY))
    await allow(pool, 100, 1)
    assert await one_row(pool, LIMIT) == (130, 1)
    await post(pool, request(quota=50, key=KEY))
    await allow(pool, 100, 2)
    assert await one_row(pool, LIMIT) == (180, 2)


async def test_a_version_is_applied_once_and_an_older_one_never(pool: asyncpg.Pool) -> None:
    """A restart reads the topic again, and several billings read it at once."""
    assert await asyncio.gather(*(allow(pool, 100, 3) for _ in range(5))) in [
        [1 if n == winner else 0 for n in range(5)] for winner in range(5)
    ]
    await post(pool, request(quota=60, key=KEY))
    assert await allow(pool, 100, 3) == 0
    assert await allow(pool, 500, 2) == 0
    assert await one_row(pool, LIMIT) == (100, 3)


async def test_a_limit_is_taken_away(pool: asyncpg.Pool) -> None:
    await allow(pool, 10, 1)
    (short,) = await tell(pool, ask("l1", 1, key=KEY, need=400))
    assert (short.is_short, short.spendable_units) == (True, 10)
    await allow(pool, None, 2)
    (granted,) = await tell(pool, ask("l1", 2, key=KEY, need=400))
    assert granted.granted_total == 400


async def test_a_key_gets_no_more_than_it_may_spend_whatever_its_account_has(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 10**6)
    await allow(pool, 1000, 1)
    answers = await asyncio.gather(
        *(
            tell(
                pool,
                ask(f"a{n}", 1, need=150),
                ask(f"k{n}", 1, key=KEY, need=150),
                relay=f"r{n}",
            )
            for n in range(20)
        )
    )
    assert [account.granted_total for account, _ in answers] == [150] * 20
    assert sorted(key.granted_total for _, key in answers) == [0] * 14 + [150] * 6
    assert await one_row(pool, HELD) == (900, 0)
    await assert_sums_agree(pool)


async def test_the_whole_quota_counts_against_each_lease_and_moves_one_balance(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 1000)
    await allow(pool, 500, 1)
    await tell(pool, ask("l1", 1, need=400), ask("l2", 1, key=KEY, need=400))
    await post(pool, request(quota=100, hold=100, key=KEY, lease="l1", key_lease="l2"))
    assert await balance(pool) == 900
    assert await one_row(pool, HELD) == (300, 0)
    (answer,) = await tell(pool, ask("l2", 2, used=100, key=KEY, close=True))
    assert (answer.state, answer.spendable_units) == (LeaseState.CLOSED, 400)
    assert await one_row(pool, HELD) == (0, 0)
    await assert_sums_agree(pool)


async def test_a_charge_without_a_lease_or_with_a_closed_one_counts_all_the_same(
    pool: asyncpg.Pool,
) -> None:
    await allow(pool, 500, 1)
    await tell(pool, ask("l2", 1, key=KEY, close=True))
    await post(
        pool,
        request(quota=100, key=KEY),
        request(quota=100, key=KEY, key_lease="l2"),
        request(quota=100, key=KEY, key_lease="unknown"),
    )
    (answer,) = await tell(pool, ask("l3", 1, key=KEY, need=201))
    assert (answer.is_short, answer.spendable_units) == (True, 200)
    await assert_sums_agree(pool)


async def test_another_keys_lease_is_not_charged(pool: asyncpg.Pool) -> None:
    await allow(pool, 500, 1)
    await tell(pool, ask("l2", 1, key=KEY, need=400))
    other = request(quota=100, key=8, key_lease="l2")
    await post(pool, other)
    assert await one_row(pool, HELD) == (400, 0)
    await assert_sums_agree(pool)


async def test_what_is_left_is_told_with_each_charge(pool: asyncpg.Pool) -> None:
    await allow(pool, 100, 4)
    await post(pool, *(request(quota=60, key=k) for k in (KEY, 8, KEY)))
    records = await pool.fetchval("SELECT records FROM event_outbox")
    for told in (
        b'"key_id":7,"key_remain_units":40,"key_quota_version":4',
        b'"key_id":8,"key_remain_units":null,"key_quota_version":null',
        b'"key_id":7,"key_remain_units":-20,"key_quota_version":4',
    ):
        assert told in records


async def test_what_was_used_before_a_limit_and_is_charged_after_it_counts_against_it(
    pool: asyncpg.Pool,
) -> None:
    """Less than was promised may be spent from then on, and never more."""
    await allow(pool, 1000, 1)
    await tell(pool, ask("l2", 1, key=KEY, need=300))
    await tell(pool, ask("l2", 2, key=KEY, used=200, need=300))
    await allow(pool, 250, 2)
    (answer,) = await tell(pool, ask("l3", 1, key=KEY, need=100), relay="r2")
    assert (answer.is_short, answer.spendable_units) == (True, 50)
    await post(pool, request(quota=200, key=KEY, key_lease="l2"))
    assert await one_row(pool, LIMIT) == (250, 2)
    (answer,) = await tell(pool, ask("l3", 2, key=KEY, need=50), relay="r2")
    assert answer.is_short  # the other relay has another 100 in hand, of 50
    await assert_sums_agree(pool)


async def test_a_keys_lease_that_is_released_names_the_key_and_moves_no_balance(
    pool: asyncpg.Pool,
) -> None:
    await fund(pool, 1000)
    await allow(pool, 500, 1)
    await tell(pool, ask("l1", 1, need=400), ask("l2", 1, key=KEY, need=400))
    done = await in_transaction(pool, partial(release, order=Order(lease_id="l2")))
    assert (done.subject, done.workspace_id, done.exposure_units) == ("key:7", 1, 400)
    assert await one_row(pool, HELD) == (0, 0)
    entry = await one_row(
        pool,
        "SELECT workspace_id, key_id, amount_units, exposure_units, balance_after_units"
        " FROM ledger_entries WHERE kind = 'release'",
    )
    assert entry == (1, KEY, 0, 400, 1000)
    await assert_sums_agree(pool)


async def test_leases_are_listed_with_their_subject(pool: asyncpg.Pool) -> None:
    await fund(pool, 1000)
    await allow(pool, 500, 1)
    await tell(pool, ask("l1", 1, need=400), ask("l2", 1, key=KEY, need=300))
    everybody = partial(list_leases, pool, after="", with_closed=False, limit=10)
    listed = await everybody(workspace_id=1, subject=None)
    assert [(row["subject"], row["held_units"]) for row in listed] == [
        ("account:1", 400),
        ("key:7", 300),
    ]
    listed = await everybody(workspace_id=None, subject="key:7")
    assert [row["lease_id"] for row in listed] == ["l2"]
