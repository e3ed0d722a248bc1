"""Entries that are no charges: each cause once, each behind the last of its account."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

from services.billing.accounts.store_accounts import add_missing_accounts, lock_accounts
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.store_entries import PostedEntry
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.kafka.outbox_rows import decode_row
from shared.money.chain import genesis
from shared.postgres.retrying import Connection, in_transaction
from tests.integration.billing.charges import assert_sums_agree, balance, post, request

AT = datetime(2026, 5, 4, 3, 2, 1, 7, tzinfo=UTC)


def draft(cause: str, units: int, *, workspace: int = 7) -> EntryDraft:
    return EntryDraft(
        workspace_id=workspace,
        kind=EntryKind.ADJUSTMENT,
        cause=cause,
        amount_units=units,
        posted_at=AT,
    )


async def enter(pool: asyncpg.Pool, *drafts: EntryDraft) -> list[PostedEntry]:
    async def work(connection: Connection, drafts: Sequence[EntryDraft]) -> list[PostedEntry]:
        ids = {each.workspace_id for each in drafts}
        await add_missing_accounts(connection, ids)
        return await post_entries(connection, await lock_accounts(connection, ids), drafts)

    return await in_transaction(pool, partial(work, drafts=drafts))


async def test_entries_of_several_accounts_follow_one_another(pool: asyncpg.Pool) -> None:
    first, other, second = await enter(
        pool, draft("a", 5), draft("b", 3, workspace=8), draft("c", -7)
    )
    assert [e.balance_after_units for e in (first, other, second)] == [5, 3, -2]
    assert first.entry_id < other.entry_id < second.entry_id
    rows = {
        row["entry_id"]: row
        for row in await pool.fetch("SELECT entry_id, prev_hash, entry_hash FROM ledger_entries")
    }
    assert rows[first.entry_id]["prev_hash"] == genesis(7, 0, 0)
    assert rows[second.entry_id]["prev_hash"] == rows[first.entry_id]["entry_hash"]
    assert rows[other.entry_id]["prev_hash"] == genesis(8, 0, 0)
    heads = await pool.fetch("SELECT head_entry_id, head_hash FROM accounts ORDER BY workspace_id")
    assert [tuple(head) for head in heads] == [
        (last.entry_id, rows[last.entry_id]["entry_hash"]) for last in (second, other)
    ]
    await assert_sums_agree(pool)


async def test_a_cause_that_is_there_is_answered_as_it_is_and_moves_nothing(
    pool: asyncpg.Pool,
) -> None:
    (first,) = await enter(pool, draft("a", 5))
    again = await enter(pool, draft("a", 6, workspace=8), draft("b", 1), draft("b", 2))
    assert again[0] == first._replace(is_repeated=True)
    assert [entry.is_repeated for entry in again] == [True, False, True]
    assert again[2]._replace(is_repeated=False) == again[1]
    assert (await balance(pool, 7), await balance(pool, 8)) == (6, 0)
    await assert_sums_agree(pool)


async def test_a_charge_follows_what_was_entered_before_it(pool: asyncpg.Pool) -> None:
    await enter(pool, draft("a", 50, workspace=1))
    await post(pool, request(quota=7), request(quota=8))
    rows = await pool.fetch("SELECT prev_hash, entry_hash FROM ledger_entries ORDER BY entry_id")
    assert [row["prev_hash"] for row in rows[1:]] == [row["entry_hash"] for row in rows[:-1]]


async def test_the_event_says_what_the_ledger_has(pool: asyncpg.Pool) -> None:
    await post(pool, request(quota=7))
    charge = await pool.fetchval("SELECT entry_id FROM ledger_entries")
    await pool.execute("DELETE FROM event_outbox")
    refund = EntryDraft(
        workspace_id=1,
        kind=EntryKind.REFUND,
        cause="refund:k",
        amount_units=7,
        posted_at=AT,
        key_id=7,
        model="gpt-4o-mini",
        refers_to_entry_id=charge,
        refers_to_request_id="r",
        bucket_at=AT - timedelta(days=1),
        username="user 1",
        project_id=3,
    )
    await enter(pool, refund)
    row = await pool.fetchrow(
        "SELECT *, detail->>'username' AS username FROM ledger_entries WHERE kind = 'refund'"
    )
    assert row is not None
    (record,) = decode_row(await pool.fetchval("SELECT records FROM event_outbox"))
    event = LedgerEntryPosted.model_validate_json(record.value or b"")
    assert (event.refers_to_entry_id, event.bucket_at) == (charge, row["bucket_at"])
    assert (event.username, event.project_id) == (row["username"], 3)
    for name in ("detail_hash", "prev_hash", "entry_hash"):
        assert getattr(event, name) == row[name].hex()


async def test_an_entry_without_its_hashes_is_refused(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="new_entries_are_chained"):
        await pool.execute(
            "INSERT INTO ledger_entries (workspace_id, kind, cause, amount_units,"
            " balance_after_units, posted_at) VALUES (1, 'grant', 'x', 1, 1, now())"
        )
