"""Transfers: from one workspace's balance to another's, an entry in each."""

from dataclasses import dataclass
from typing import NamedTuple

from services.billing.accounts.store_accounts import add_missing_accounts, lock_accounts
from services.billing.audit import Admin, record_action
from services.billing.grants.clipping import clip_lots
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.idempotency import repeated_entry
from services.billing.ledger.store_entries import PostedEntry
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now


class Side(NamedTuple):
    """A workspace and whose it is."""

    workspace_id: int
    owner_user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What is to be moved, from whom to whom."""

    source: Side
    target: Side
    quota_units: int
    idempotency_key: str
    reason: str


class Transferred(NamedTuple):
    """The two entries."""

    taken: PostedEntry
    given: PostedEntry


async def transfer(connection: Connection, wanted: Transfer, admin: Admin) -> Transferred:
    """Move units between two balances, once for each key. Repeatable; the caller commits.

    Raises EnvelopeError where the source has less than that which nobody holds, or the key was
    used for something else.
    """
    source, target, units = wanted.source, wanted.target, wanted.quota_units
    both = [source.workspace_id, target.workspace_id]
    await add_missing_accounts(connection, both)
    accounts = await lock_accounts(connection, both)
    out, into = (f"transfer:{wanted.idempotency_key}:{side}" for side in ("out", "in"))
    taken = await repeated_entry(
        connection,
        out,
        lambda entry: (entry.workspace_id, entry.amount_units) == (source.workspace_id, -units),
    )
    given = await repeated_entry(
        connection, into, lambda entry: entry.workspace_id == target.workspace_id
    )
    if taken is not None and given is not None:
        return Transferred(taken, given)
    available = accounts[source.workspace_id].figures.available_units
    if units > available:
        raise EnvelopeError(f"{max(0, available)} quota units are there that nobody holds")
    if accounts[target.workspace_id].figures.balance_units + units > MAX_ID:
        raise EnvelopeError("the balance would be larger than a balance can be")
    taken, given = await post_entries(
        connection,
        accounts,
        [
            _draft(source, out, -units, wanted, admin),
            _draft(target, into, units, wanted, admin),
        ],
    )
    await clip_lots(connection, accounts)
    await record_action(
        connection,
        admin,
        "account.transfer",
        resource_id=source.workspace_id,
        workspace_id=source.workspace_id,
        changes={
            "to_workspace_id": target.workspace_id,
            "quota_units": units,
            "reason": wanted.reason,
        },
    )
    return Transferred(taken, given)


def _draft(side: Side, cause: str, amount_units: int, wanted: Transfer, admin: Admin) -> EntryDraft:
    return EntryDraft(
        workspace_id=side.workspace_id,
        kind=EntryKind.TRANSFER,
        cause=cause,
        amount_units=amount_units,
        posted_at=utc_now(),
        user_id=side.owner_user_id,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.reason,
    )
