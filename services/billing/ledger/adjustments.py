"""Adjustments: a correction of either sign, of one charge or of a balance alone."""

from dataclasses import dataclass
from typing import Final

from services.billing.accounts.store_accounts import (
    AccountRow,
    add_missing_accounts,
    lock_accounts,
)
from services.billing.audit import Admin, record_action
from services.billing.grants.clipping import clip_lots
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.idempotency import repeated_entry
from services.billing.ledger.refunds import find_charge
from services.billing.ledger.reversing import OfCharge, post_of_charges
from services.billing.ledger.store_entries import PostedEntry
from services.billing.ledger.store_settlements import ChargeEntry, settlement_of
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

RUNS: Final = "what-if:"
"""How the keys of a what-if run's adjustments begin, and no caller's may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What is to be added to a balance, or taken from it."""

    workspace_id: int
    owner_user_id: int
    quota_units: int
    """Added to the balance; below zero: taken from it. It may fall below zero by that."""
    refers_to_request_id: str | None = None
    """The request whose charge is corrected: what was used moves as well."""
    idempotency_key: str
    reason: str

    @property
    def cause(self) -> str:
        """What its entry is unique by."""
        return f"adjustment:{self.idempotency_key}"


async def adjust(connection: Connection, wanted: Adjustment, admin: Admin) -> PostedEntry:
    """Correct a balance, once for each key. Repeatable; the caller commits.

    Raises EnvelopeError where the charge is not there or is another workspace's, less than that is
    left of it, or the key was used for something else.
    """
    if wanted.idempotency_key.startswith(RUNS):
        raise EnvelopeError(f"an idempotency_key may not begin with `{RUNS}`")
    workspace = wanted.workspace_id
    charge = await _charge(connection, wanted)
    await add_missing_accounts(connection, [workspace])
    accounts = await lock_accounts(connection, [workspace])
    of_entry = None if charge is None else charge.entry_id
    same = (workspace, wanted.quota_units, of_entry)
    posted = await repeated_entry(
        connection,
        wanted.cause,
        lambda entry: (entry.workspace_id, entry.amount_units, entry.refers_to_entry_id) == same,
    )
    if posted is not None:
        return posted
    if abs(accounts[workspace].figures.balance_units + wanted.quota_units) > MAX_ID:
        raise EnvelopeError("the balance would be larger than a balance can be")
    if charge is None:
        posted = await _post(connection, accounts, wanted, admin)
    else:
        posted = await _correct(connection, accounts, charge, wanted, admin)
    await record_action(
        connection,
        admin,
        "account.adjust",
        resource_id=workspace,
        workspace_id=workspace,
        changes={
            "quota_units": wanted.quota_units,
            "request_id": wanted.refers_to_request_id,
            "reason": wanted.reason,
        },
    )
    return posted


async def _charge(connection: Connection, wanted: Adjustment) -> ChargeEntry | None:
    if wanted.refers_to_request_id is None:
        return None
    charge = await find_charge(connection, wanted.refers_to_request_id)
    if charge.workspace_id != wanted.workspace_id:
        raise EnvelopeError("this charge is another workspace's")
    return charge


async def _post(
    connection: Connection,
    accounts: dict[int, AccountRow],
    wanted: Adjustment,
    admin: Admin,
) -> PostedEntry:
    draft = EntryDraft(
        workspace_id=wanted.workspace_id,
        kind=EntryKind.ADJUSTMENT,
        cause=wanted.cause,
        amount_units=wanted.quota_units,
        posted_at=utc_now(),
        user_id=wanted.owner_user_id,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.reason,
    )
    (posted,) = await post_entries(connection, accounts, [draft])
    await clip_lots(connection, accounts)
    return posted


async def _correct(
    connection: Connection,
    accounts: dict[int, AccountRow],
    charge: ChargeEntry,
    wanted: Adjustment,
    admin: Admin,
) -> PostedEntry:
    left = (await settlement_of(connection, charge)).net_units
    if wanted.quota_units > left:
        raise EnvelopeError(f"{left} quota units are left of this charge to be taken off")
    of_charge = OfCharge(
        charge=charge,
        kind=EntryKind.ADJUSTMENT,
        cause=wanted.cause,
        amount_units=wanted.quota_units,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.reason,
    )
    (posted,) = await post_of_charges(connection, accounts, [of_charge])
    return posted
