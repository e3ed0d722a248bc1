"""Entries that refer to a charge, and the use that they move with it.

What is given back of a charge, or added to it, is moved wherever the charge was counted: its key,
the hour of use of its model, its budgets' period, the grants that paid it, and what its account was
charged. That a request was made, and its tokens, stay counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from services.billing.accounts.store_accounts import AccountRow
from services.billing.budgets.applying import Spend
from services.billing.budgets.posting import count_spends
from services.billing.charging.store_charges import count_hours
from services.billing.charging.sums import HourOfUser, HourUse, KeyRemain, KeyUse
from services.billing.grants.clipping import clip_lots
from services.billing.grants.returning import return_to_grants
from services.billing.keys.store_keys import count_keys
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.store_entries import PostedEntry, entries_by_cause
from services.billing.ledger.store_settlements import ChargeEntry
from services.billing.usage.store_names import username_of_hour
from shared.events.ledger import EntryKind
from shared.money.chain import unix_us
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCharge:
    """An entry that refers to a charge, before it is in the ledger."""

    charge: ChargeEntry
    kind: EntryKind
    cause: str
    amount_units: int
    """Added to the balance: above zero gives back."""
    actor_user_id: int | None = None
    actor_name: str = ""
    note: str = ""


class UseMove(NamedTuple):
    """By how much a charge's use changes; below zero: it is given back."""

    of: ChargeEntry
    units: int


async def post_of_charges(
    connection: Connection, accounts: dict[int, AccountRow], wanted: Sequence[OfCharge]
) -> list[PostedEntry]:
    """Put the entries into the ledger and move the use that they are of, each cause once.

    `accounts` are those of the charges, locked; they move in place and are written. A cause that
    is in the ledger changes nothing, and its entry is answered as repeated. The causes differ. The
    caller commits. The database refuses what would give back more than is left of a charge.
    """
    known = await entries_by_cause(connection, [one.cause for one in wanted])
    new = [await _named(connection, one) for one in wanted if one.cause not in known]
    if not new:
        return [known[one.cause] for one in wanted]
    moves = [UseMove(one.charge, -one.amount_units) for one in new]
    remains = await _move_use(connection, moves)
    await return_to_grants(connection, moves)
    for of, units in moves:
        account = accounts[of.workspace_id]
        accounts[of.workspace_id] = replace(account, charged_units=account.charged_units + units)
    drafts = [_draft(one, remain) for one, remain in zip(new, remains, strict=True)]
    posted = await post_entries(connection, accounts, drafts)
    await clip_lots(connection, {of.workspace_id: accounts[of.workspace_id] for of, _ in moves})
    known |= {draft.cause: entry for draft, entry in zip(drafts, posted, strict=True)}
    return [known[one.cause] for one in wanted]


async def _named(connection: Connection, one: OfCharge) -> OfCharge:
    """With whose use it moves, where its charge is from before entries said it."""
    of = one.charge
    if of.username is not None:
        return one
    name = await username_of_hour(connection, _hour_of(of), of.user_id, of.model)
    return replace(one, charge=of._replace(username=name))


async def _move_use(connection: Connection, moves: Sequence[UseMove]) -> list[KeyRemain | None]:
    """Move what was used of keys and in hours; answers what each move's key may spend after it.

    Under the accounts' lock; locks keys, budgets, then hours.
    """
    remains = await _move_keys(connection, moves)
    await count_spends(
        connection,
        [
            Spend(of.workspace_id, of.project_id, of.provider_id, units, 0, 0, of.posted_at)
            for of, units in moves
        ],
    )
    hours: dict[HourOfUser, HourUse] = {}
    for of, units in moves:
        row = HourOfUser(_hour_of(of), of.user_id, of.model, of.username or "")
        before = hours.get(row, HourUse(0, 0, 0))
        hours[row] = before._replace(quota_units=before.quota_units + units)
    await count_hours(connection, hours)
    return remains


async def _move_keys(connection: Connection, moves: Sequence[UseMove]) -> list[KeyRemain | None]:
    uses: dict[int, KeyUse] = {}
    for of, units in moves:
        # Used when the charge was: a refund is no use.
        used_at_us = unix_us(of.posted_at)
        use = uses.get(of.key_id, KeyUse(of.workspace_id, 0, 0, used_at_us))
        uses[of.key_id] = use._replace(
            quota_units=use.quota_units + units,
            last_used_at_us=max(use.last_used_at_us, used_at_us),
        )
    rows = await count_keys(connection, uses, with_leases=())
    left = {
        key_id: KeyRemain(
            row.limit_units - row.used_units + uses[key_id].quota_units, row.quota_version
        )
        for key_id, row in rows.items()
        if row.limit_units is not None
    }
    remains: list[KeyRemain | None] = []
    for of, units in moves:
        remain = left.get(of.key_id)
        if remain is not None:
            remain = left[of.key_id] = remain._replace(units=remain.units - units)
        remains.append(remain)
    return remains


def _hour_of(of: ChargeEntry) -> int:
    seconds = int(of.posted_at.timestamp())
    return seconds - seconds % _HOUR_S


def _draft(one: OfCharge, remain: KeyRemain | None) -> EntryDraft:
    of = one.charge
    return EntryDraft(
        workspace_id=of.workspace_id,
        kind=one.kind,
        cause=one.cause,
        amount_units=one.amount_units,
        posted_at=utc_now(),
        user_id=of.user_id,
        key_id=of.key_id,
        model=of.model or None,
        actor_user_id=one.actor_user_id,
        actor_name=one.actor_name,
        note=one.note,
        refers_to_entry_id=of.entry_id,
        refers_to_request_id=of.request_id,
        refers_to_failed=not of.is_success,
        bucket_at=of.posted_at,
        username=of.username or "",
        project_id=of.project_id,
        provider_id=of.provider_id,
        key_remain=remain,
    )
