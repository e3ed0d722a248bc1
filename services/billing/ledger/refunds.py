"""Refunds: the whole or a part of one charge is given back, wherever it was counted."""

from dataclasses import dataclass
from typing import NamedTuple

from services.billing.accounts.store_accounts import lock_accounts
from services.billing.audit import Admin, record_action
from services.billing.ledger.idempotency import repeated_entry
from services.billing.ledger.reversing import OfCharge, post_of_charges
from services.billing.ledger.store_entries import PostedEntry
from services.billing.ledger.store_settlements import (
    ChargeEntry,
    charge_of_request,
    charges_by_id,
    settlement_of,
)
from shared.events.ledger import EntryKind
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What is to be given back, of which charge."""

    request_id: str | None = None
    entry_id: int | None = None
    """In place of the request: its charge's entry."""
    quota_units: int | None = None
    """None: all that is left."""
    idempotency_key: str
    reason: str


class Refunded(NamedTuple):
    """The entry, and what is left of the charge after all refunds so far."""

    entry: PostedEntry
    charge: ChargeEntry
    refundable_units: int


async def refund(connection: Connection, wanted: Refund, admin: Admin) -> Refunded:
    """Give back of a charge, once for each key. Repeatable; the caller commits.

    Raises EnvelopeError where there is no such charge, less than that is left of it, or the key
    was used for something else.
    """
    charge = await find_charge(connection, wanted.request_id, wanted.entry_id)
    workspace = charge.workspace_id
    accounts = await lock_accounts(connection, [workspace])
    cause = f"refund:{wanted.idempotency_key}"
    left = (await settlement_of(connection, charge)).net_units
    posted = await repeated_entry(
        connection,
        cause,
        lambda entry: (
            entry.refers_to_entry_id == charge.entry_id
            and wanted.quota_units in {None, entry.amount_units}
        ),
    )
    if posted is not None:
        return Refunded(posted, charge, left)
    units = left if wanted.quota_units is None else wanted.quota_units
    if not 0 < units <= left:
        raise EnvelopeError(f"{left} quota units are left of this charge to be refunded")
    of_charge = OfCharge(
        charge=charge,
        kind=EntryKind.REFUND,
        cause=cause,
        amount_units=units,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.reason,
    )
    (posted,) = await post_of_charges(connection, accounts, [of_charge])
    await record_action(
        connection,
        admin,
        "charge.refund",
        resource_id=charge.request_id,
        workspace_id=workspace,
        changes={"quota_units": units, "reason": wanted.reason},
    )
    return Refunded(posted, charge, left - units)


async def find_charge(
    connection: Connection, request_id: str | None, entry_id: int | None = None
) -> ChargeEntry:
    """The charge of a request, or of an entry's id. Raises EnvelopeError where there is none."""
    charge: ChargeEntry | None = None
    if request_id is not None:
        charge = await charge_of_request(connection, request_id)
    elif entry_id is not None:
        charge = (await charges_by_id(connection, [entry_id])).get(entry_id)
    if charge is None:
        raise EnvelopeError("the ledger has no such charge")
    return charge
