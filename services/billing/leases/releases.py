"""Releasing a lease by force: an entry in the ledger says what that exposes."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from services.billing.accounts.store_accounts import add_missing_accounts, lock_accounts
from services.billing.audit import Admin, record_action
from services.billing.budgets.posting import lock_current
from services.billing.budgets.store_budgets import write_budgets_held
from services.billing.keys.store_keys import lock_keys, write_keys
from services.billing.leases.granting import released
from services.billing.leases.store_leases import CloseReason, lock_leases, put_leases
from services.billing.leases.subjects import (
    SubjectKind,
    account,
    budget,
    by_id,
    ids_of,
    key,
    parse_subject,
)
from services.billing.ledger.entering import EntryDraft, post_entries
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_QUOTA_UNITS
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_WHOSE: Final = "SELECT workspace_id, subject FROM leases WHERE lease_id = $1"
_NOTE_ABANDONED: Final = "no heartbeat for 24 hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who has a lease released, and why. Without an admin, it is its age."""

    lease_id: str
    admin: Admin | None = None
    reason: str = _NOTE_ABANDONED


class Release(NamedTuple):
    """What came of it."""

    lease_id: str
    subject: str
    workspace_id: int
    entry_id: int
    exposure_units: int
    still_held_units: int
    """Of a lease that was open: what its relay said it used, until the charges come."""


async def release(connection: Connection, order: Order) -> Release:
    """Take back what a lease holds. The caller commits.

    Raises EnvelopeError where there is no such lease, or it holds nothing any more.
    """
    whose = await connection.fetchrow(_WHOSE, order.lease_id)
    if whose is None:
        raise EnvelopeError("lease not found")
    workspace: int = whose["workspace_id"]
    # The account also of another's lease: the entry in its ledger says the balance.
    await add_missing_accounts(connection, [workspace])
    accounts = await lock_accounts(connection, [workspace])
    named = [s for s in (parse_subject(whose["subject"]),) if s is not None]
    keys = await lock_keys(connection, ids_of(named, SubjectKind.KEY))
    budgets = await lock_current(connection, ids_of(named, SubjectKind.BUDGET))
    row = (await lock_leases(connection, [order.lease_id]))[order.lease_id]
    if not row.lease.is_open and row.lease.held_units == 0:
        raise EnvelopeError("the lease is closed and holds nothing")
    subject = row.subject
    holders = (
        {account(workspace): accounts[workspace].figures}
        | {key(i): of_key.figures for i, of_key in keys.items()}
        | {budget(i): of_budget.figures for i, of_budget in budgets.items()}
    )
    holder, lease, exposure = released(holders[subject], row.lease)
    if subject.kind is SubjectKind.ACCOUNT:
        accounts[workspace] = replace(accounts[workspace], figures=holder)
    # An open lease and what it leaves behind are released one after the other, each once.
    stage = "open" if row.lease.is_open else "used"
    draft = EntryDraft(
        workspace_id=workspace,
        kind=EntryKind.RELEASE,
        cause=f"release:{order.lease_id}:{stage}",
        amount_units=0,
        exposure_units=min(exposure, MAX_QUOTA_UNITS),
        key_id=subject.id if subject.kind is SubjectKind.KEY else None,
        actor_user_id=None if order.admin is None else order.admin.user_id,
        actor_name="" if order.admin is None else order.admin.name,
        note=order.reason,
        posted_at=utc_now(),
    )
    (posted,) = await post_entries(connection, accounts, [draft])
    if posted.is_repeated:
        raise EnvelopeError("the lease was released before")
    await put_leases(
        connection,
        {row.lease_id: replace(row, lease=lease)},
        is_heartbeat=False,
        close_reason=CloseReason.ABANDONED if order.admin is None else CloseReason.OPERATOR,
    )
    await write_keys(connection, by_id({subject: holder}, SubjectKind.KEY))
    await write_budgets_held(connection, by_id({subject: holder}, SubjectKind.BUDGET))
    if order.admin is not None:
        await record_action(
            connection,
            order.admin,
            "lease.release",
            resource_id=order.lease_id,
            workspace_id=workspace,
            changes={
                "subject": str(subject),
                "exposure_units": exposure,
                "reason": order.reason,
            },
        )
    return Release(
        order.lease_id,
        str(subject),
        workspace,
        posted.entry_id,
        exposure,
        lease.held_units,
    )
