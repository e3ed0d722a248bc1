"""Putting what is no charge into the ledger: each cause once, behind its account's last entry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from services.billing.accounts.store_accounts import AccountRow, write_accounts
from services.billing.charging.sums import KeyRemain
from services.billing.ledger.events import entry_record
from services.billing.ledger.store_entries import (
    PostedEntry,
    copy_entries,
    entries_by_cause,
    take_entry_ids,
)
from shared.events.catalog import BILLING_LEDGER
from shared.events.ledger import EntryKind, LedgerEntryPosted
from shared.kafka.outbox import enqueue
from shared.money.chain import ChainedEntry, ChainHead, Link, detail_hash, follow, unix_us
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_COLUMNS: Final = (
    "entry_id",
    "workspace_id",
    "kind",
    "cause",
    "amount_units",
    "balance_after_units",
    "exposure_units",
    "key_id",
    "user_id",
    "model",
    "actor_user_id",
    "actor_name",
    "note",
    "posted_at",
    "refers_to_entry_id",
    "bucket_at",
    "detail",
    "detail_hash",
    "prev_hash",
    "entry_hash",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """An entry before it has an id, a balance and a place in the chain."""

    workspace_id: int
    kind: EntryKind
    cause: str
    """Unique for ever: a second entry of it is none."""
    amount_units: int
    posted_at: datetime
    user_id: int | None = None
    key_id: int | None = None
    model: str | None = None
    actor_user_id: int | None = None
    actor_name: str = ""
    note: str = ""
    exposure_units: int = 0
    refers_to_entry_id: int | None = None
    refers_to_request_id: str | None = None
    refers_to_failed: bool = False
    """Told, and not kept: the charge's own detail has it."""
    bucket_at: datetime | None = None
    """Needed where it refers to an entry."""
    username: str = ""
    project_id: int | None = None
    provider_id: int | None = None
    key_remain: KeyRemain | None = None
    """What the key may still spend after it; told, and not kept."""


class _Entry(NamedTuple):
    """A draft that has its number, its balance and its place."""

    draft: EntryDraft
    entry_id: int
    balance_after: int
    detail: bytes
    detail_hash: bytes
    link: Link


async def post_entries(
    connection: Connection, accounts: dict[int, AccountRow], drafts: Sequence[EntryDraft]
) -> list[PostedEntry]:
    """Put the drafts into the ledger, in order, and their events into the outbox.

    `accounts` are those of the drafts, locked; their balance and head move in place, and those that
    moved are written back whole, with whatever the caller changed of them before. A draft whose
    cause is in the ledger, or stands before it among the drafts, changes nothing: what is answered
    is then the entry that is there, which may be of something else, and `is_repeated`. The caller
    commits. Raises ConcurrentEntryError, after which the whole transaction is to be tried again.
    """
    known = await entries_by_cause(connection, [draft.cause for draft in drafts])
    new = {draft.cause: draft for draft in reversed(drafts) if draft.cause not in known}
    fresh = [draft for draft in drafts if new.get(draft.cause) is draft]
    if fresh:
        known |= await _post(connection, accounts, fresh)
    answers = []
    for draft in drafts:
        answers.append(known[draft.cause])
        known[draft.cause] = known[draft.cause]._replace(is_repeated=True)
    return answers


async def _post(
    connection: Connection, accounts: dict[int, AccountRow], drafts: Sequence[EntryDraft]
) -> dict[str, PostedEntry]:
    entry_ids = await take_entry_ids(connection, len(drafts))
    entries = [
        _enter(accounts, draft, entry_id) for draft, entry_id in zip(drafts, entry_ids, strict=True)
    ]
    await copy_entries(connection, [_row(entry) for entry in entries], _COLUMNS)
    await write_accounts(connection, {i: accounts[i] for i in {d.workspace_id for d in drafts}})
    now = utc_now()
    records = [entry_record(_event(entry), now=now) for entry in entries]
    await enqueue(connection, BILLING_LEDGER.name, records)
    return {
        draft.cause: PostedEntry(
            entry_id, draft.workspace_id, draft.amount_units, balance, draft.refers_to_entry_id
        )
        for draft, entry_id, balance, *_ in entries
    }


def _enter(accounts: dict[int, AccountRow], draft: EntryDraft, entry_id: int) -> _Entry:
    """The next entry of its account, whose row moves on."""
    account = accounts[draft.workspace_id]
    balance = account.figures.balance_units + draft.amount_units
    detail = _detail(draft)
    hashed = detail_hash(b"", detail) if detail else b""
    link = follow(account.head, _chained(draft, entry_id, balance, hashed.hex()))
    accounts[draft.workspace_id] = replace(
        account,
        figures=replace(account.figures, balance_units=balance),
        head=ChainHead(entry_id, link.entry_hash),
    )
    return _Entry(draft, entry_id, balance, detail, hashed, link)


def _detail(draft: EntryDraft) -> bytes:
    """Whose use an entry moves, where it moves anybody's: under the names that charges have."""
    if not (draft.username or draft.project_id or draft.provider_id):
        return b""
    return orjson.dumps(
        {
            "username": draft.username,
            "project_id": draft.project_id,
            "provider_id": draft.provider_id,
        }
    )


def _chained(
    draft: EntryDraft, entry_id: int, balance_after: int, detail_hash_hex: str
) -> ChainedEntry:
    return ChainedEntry(
        entry_id=entry_id,
        workspace_id=draft.workspace_id,
        kind=draft.kind.value,
        cause=draft.cause,
        amount_units=draft.amount_units,
        balance_after_units=balance_after,
        excess_units=0,
        exposure_units=draft.exposure_units,
        key_id=draft.key_id,
        user_id=draft.user_id,
        actor_user_id=draft.actor_user_id,
        refers_to_entry_id=draft.refers_to_entry_id,
        posted_at_us=unix_us(draft.posted_at),
        bucket_at_us=None if draft.bucket_at is None else unix_us(draft.bucket_at),
        model=draft.model or "",
        actor_name=draft.actor_name,
        note=draft.note,
        detail_hash=detail_hash_hex,
    )


def _row(entry: _Entry) -> tuple[object, ...]:
    draft = entry.draft
    return (
        entry.entry_id,
        draft.workspace_id,
        draft.kind.value,
        draft.cause,
        draft.amount_units,
        entry.balance_after,
        draft.exposure_units,
        draft.key_id,
        draft.user_id,
        draft.model,
        draft.actor_user_id,
        draft.actor_name,
        draft.note,
        draft.posted_at,
        draft.refers_to_entry_id,
        draft.bucket_at,
        entry.detail.decode() or None,
        entry.detail_hash or None,
        *entry.link,
    )


def _event(entry: _Entry) -> LedgerEntryPosted:
    draft = entry.draft
    remain = draft.key_remain
    return LedgerEntryPosted(
        entry_id=entry.entry_id,
        workspace_id=draft.workspace_id,
        kind=draft.kind,
        cause=draft.cause,
        amount_units=draft.amount_units,
        balance_after_units=entry.balance_after,
        exposure_units=draft.exposure_units,
        key_id=draft.key_id,
        key_remain_units=None if remain is None else remain.units,
        key_quota_version=None if remain is None else remain.quota_version,
        user_id=draft.user_id,
        model=draft.model or None,
        actor_user_id=draft.actor_user_id,
        actor_name=draft.actor_name,
        note=draft.note,
        posted_at=draft.posted_at,
        refers_to_entry_id=draft.refers_to_entry_id,
        refers_to_request_id=draft.refers_to_request_id,
        refers_to_failed=draft.refers_to_failed,
        bucket_at=draft.bucket_at,
        username=draft.username,
        project_id=draft.project_id,
        provider_id=draft.provider_id,
        detail_hash=entry.detail_hash.hex(),
        prev_hash=entry.link.prev_hash.hex(),
        entry_hash=entry.link.entry_hash.hex(),
    )
