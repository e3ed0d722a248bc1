"""The chains as billing's tables have them."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any, Final

import asyncpg

from operations.ledger_chain.checking import ChainCheck, Stated
from shared.money.chain import ChainedEntry, ChainHead, detail_hash, unix_us

_FETCH: Final = 2_000
_NO_TIMEOUTS: Final = """
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0
"""
_COLUMNS: Final = "e.*, e.detail::text AS detail_text, r.rating::text AS rating"
_ENTRIES: Final = f"""
SELECT {_COLUMNS}
FROM billing.ledger_entries AS e LEFT JOIN billing.rating_snapshots AS r USING (rating_key)
WHERE $1::bigint IS NULL OR e.workspace_id = $1
ORDER BY e.workspace_id, e.entry_id
"""
_NEWEST: Final = f"""
SELECT {_COLUMNS}
FROM unnest($1::bigint[]) AS asked (workspace_id)
CROSS JOIN LATERAL (
    SELECT * FROM billing.ledger_entries AS own
    WHERE own.workspace_id = asked.workspace_id ORDER BY entry_id DESC LIMIT $2
) AS e
LEFT JOIN billing.rating_snapshots AS r USING (rating_key)
ORDER BY e.workspace_id, e.entry_id
"""
_HEADS: Final = """
SELECT workspace_id, head_entry_id, head_hash FROM billing.accounts
WHERE $1::bigint[] IS NULL OR workspace_id = ANY($1) ORDER BY workspace_id
"""
_HASHES: Final = "SELECT entry_id, entry_hash FROM billing.ledger_entries WHERE entry_id = ANY($1)"


async def check_table(connection: asyncpg.Connection, workspace_id: int | None) -> ChainCheck:
    """Follow every entry, in one snapshot, to the heads that the accounts keep."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_NO_TIMEOUTS)
        return await follow_chains(connection, workspace_id)


async def follow_chains(connection: asyncpg.Connection, workspace_id: int | None) -> ChainCheck:
    """The same in the caller's snapshot."""
    check = ChainCheck(is_whole=True)
    await _follow(connection, check, _ENTRIES, workspace_id)
    await _compare_heads(connection, check, None if workspace_id is None else [workspace_id])
    return check


async def follow_newest(
    connection: asyncpg.Connection, workspace_ids: Sequence[int], *, entries: int
) -> ChainCheck:
    """So many entries of each of these accounts, up to its head; the first of them is believed.

    In the caller's snapshot.
    """
    check = ChainCheck(is_whole=False)
    await _follow(connection, check, _NEWEST, workspace_ids, entries)
    await _compare_heads(connection, check, workspace_ids)
    return check


def _compare(check: ChainCheck, kept: dict[int, ChainHead]) -> None:
    """Where the entries end, with where the accounts say that they do."""
    heads = check.heads
    broken = {each.workspace_id for each in check.breaks}
    for workspace in sorted((heads.keys() | kept.keys()) - broken):
        followed, head = heads.get(workspace, ChainHead()), kept.get(workspace)
        if head is None:
            check.refuse(workspace, followed.entry_id, "head: the account is not there")
        elif followed != head:
            check.refuse(
                workspace,
                max(head.entry_id, followed.entry_id),
                f"head: the account ends at entry {head.entry_id}, its entries at"
                f" {followed.entry_id}",
            )


async def table_hashes(
    connection: asyncpg.Connection, heads: dict[int, ChainHead]
) -> dict[int, bytes | None]:
    """What the table has as the hash of each of these heads, by entry id; not there: missing."""
    ids = [head.entry_id for head in heads.values()]
    return {row["entry_id"]: row["entry_hash"] for row in await connection.fetch(_HASHES, ids)}


async def _follow(
    connection: asyncpg.Connection, check: ChainCheck, query: str, *values: object
) -> None:
    async for row in _rows(connection, query, *values):
        hashed = _detail_hash(row)
        if hashed != (row["detail_hash"] or b""):
            check.refuse(row["workspace_id"], row["entry_id"], "detail: it was changed")
        check.see(_stated(row))


async def _compare_heads(
    connection: asyncpg.Connection, check: ChainCheck, workspace_ids: Sequence[int] | None
) -> None:
    rows = await connection.fetch(_HEADS, workspace_ids)
    _compare(check, {row["workspace_id"]: ChainHead(*row[1:]) for row in rows})


async def _rows(
    connection: asyncpg.Connection, query: str, *values: object
) -> AsyncIterator[asyncpg.Record]:
    async for row in connection.cursor(query, *values, prefetch=_FETCH):
        yield row


def _detail_hash(row: asyncpg.Record) -> bytes:
    """Of what is kept: the ratios' key is reckoned anew, so that a change of them shows too."""
    key, detail = row["rating_key"] or b"", row["detail_text"]
    if key:
        rating: str | None = row["rating"]
        key = b"" if rating is None else sha256(rating.encode()).digest()[: len(key)]
    return detail_hash(key, detail.encode()) if detail is not None else b""


def _stated(row: asyncpg.Record) -> Stated:
    said: dict[str, Any] = dict(row)
    entry = ChainedEntry(
        posted_at_us=unix_us(said["posted_at"]),
        bucket_at_us=None if said["bucket_at"] is None else unix_us(said["bucket_at"]),
        model=said["model"] or "",
        detail_hash=(said["detail_hash"] or b"").hex(),
        **{name: said[name] for name in _AS_THEY_ARE},
    )
    return Stated(entry, said["prev_hash"] or b"", said["entry_hash"] or b"")


_AS_THEY_ARE: Final = tuple(
    name
    for name in ChainedEntry._fields
    if name not in {"posted_at_us", "bucket_at_us", "model", "detail_hash"}
)
