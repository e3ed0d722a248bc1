"""What a batch of ledger entries adds to the balances and keys that control shows. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from shared.events.ledger import EntryKind, LedgerEntryPosted


class BalanceChange(NamedTuple):
    """What one workspace's balance is now, and what was added to its use."""

    workspace_id: int
    quota_units: int
    """The balance after the newest entry: what it is, not what it changed by."""
    used_units: int
    request_count: int
    last_entry_id: int
    as_of: datetime


class KeyUseChange(NamedTuple):
    """What was added to one key's use, and what the newest entry says is left."""

    key_id: int
    used_units: int
    request_count: int
    remain_units: int | None
    quota_version: int | None
    last_used_at: datetime


class Projection(NamedTuple):
    """What a batch changes, each list in order of id."""

    balances: list[BalanceChange]
    keys: list[KeyUseChange]


def project(entries: Iterable[LedgerEntryPosted], applied: Mapping[int, int]) -> Projection:
    """Sum up the entries that are not applied yet.

    `applied` has each workspace's newest applied entry. A workspace's entries come in order of
    their ids, and a repeated stretch of the topic begins at an earlier one; so whatever is not
    above the newest was applied before, and is passed over.
    """
    balances: dict[int, BalanceChange] = {}
    keys: dict[int, KeyUseChange] = {}
    newest = dict(applied)
    for entry in entries:
        if entry.entry_id <= newest.get(entry.workspace_id, 0):
            continue
        newest[entry.workspace_id] = entry.entry_id
        balances[entry.workspace_id] = _balance(balances.get(entry.workspace_id), entry)
        if entry.is_of_use and entry.key_id is not None:
            keys[entry.key_id] = _key_use(keys.get(entry.key_id), entry.key_id, entry)
    return Projection(
        balances=[balances[workspace_id] for workspace_id in sorted(balances)],
        keys=[keys[key_id] for key_id in sorted(keys)],
    )


def _balance(before: BalanceChange | None, entry: LedgerEntryPosted) -> BalanceChange:
    used = -entry.amount_units if entry.is_of_use else 0
    return BalanceChange(
        workspace_id=entry.workspace_id,
        quota_units=entry.balance_after_units,
        used_units=(before.used_units if before else 0) + used,
        request_count=(before.request_count if before else 0) + _requests(entry),
        last_entry_id=entry.entry_id,
        as_of=max(before.as_of, entry.posted_at) if before else entry.posted_at,
    )


def _key_use(before: KeyUseChange | None, key_id: int, entry: LedgerEntryPosted) -> KeyUseChange:
    # A refund is no use: the time is that of what it refunds.
    used_at = entry.bucket_at or entry.posted_at
    return KeyUseChange(
        key_id=key_id,
        used_units=(before.used_units if before else 0) - entry.amount_units,
        request_count=(before.request_count if before else 0) + _requests(entry),
        remain_units=entry.key_remain_units,
        quota_version=entry.key_quota_version,
        last_used_at=max(before.last_used_at, used_at) if before else used_at,
    )


def _requests(entry: LedgerEntryPosted) -> int:
    """A request was made once, whatever is given back of it."""
    return int(entry.kind is EntryKind.CHARGE)
