"""A top-up moves money once for each key of its caller's, however often and whenever it is sent."""

import asyncio
from functools import partial

import asyncpg
import pytest

from services.billing.audit import Admin
from services.billing.ledger.store_entries import PostedEntry
from services.billing.ledger.top_ups import TopUp, top_up
from shared.events.audit import ActionTaken
from shared.events.directory import Role
from shared.http.envelope import EnvelopeError
from shared.kafka.outbox_rows import decode_row
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance

ADMIN = Admin(user_id=1, name="root", role=Role.ROOT, workspace_id=1)


async def send(
    pool: asyncpg.Pool, *, key: str, units: int = 500, workspace: int = 7
) -> PostedEntry:
    wanted = TopUp(
        workspace_id=workspace, owner_user_id=9, quota_units=units, idempotency_key=key, note="n"
    )
    return await in_transaction(pool, partial(top_up, wanted=wanted, admin=ADMIN))


async def test_twenty_at_once_are_one(pool: asyncpg.Pool) -> None:
    done = await asyncio.gather(*(send(pool, key="k") for _ in range(20)))
    assert sorted(d.is_repeated for d in done) == [False] + [True] * 19
    assert {d._replace(is_repeated=False) for d in done} == {done[0]._replace(is_repeated=False)}
    assert await balance(pool, 7) == 500
    await assert_sums_agree(pool)
    actions = await pool.fetch("SELECT records FROM event_outbox WHERE topic = 'audit.actions'")
    (record,) = [r for row in actions for r in decode_row(row["records"])]
    action = ActionTaken.model_validate_json(record.value or b"")
    assert (action.action, action.workspace_id) == ("account.top_up", 7)


async def test_other_keys_add_up(pool: asyncpg.Pool) -> None:
    await asyncio.gather(*(send(pool, key=f"k{n}") for n in range(10)))
    assert await balance(pool, 7) == 5000
    await assert_sums_agree(pool)


@pytest.mark.parametrize("changed", [{"units": 501}, {"workspace": 8}])
async def test_a_key_used_for_something_else_is_an_error(
    pool: asyncpg.Pool, changed: dict[str, int]
) -> None:
    await send(pool, key="k")
    with pytest.raises(EnvelopeError, match="idempotency_key"):
        await send(pool, key="k", **changed)
    assert await balance(pool, 7) == 500
    await assert_sums_agree(pool)
