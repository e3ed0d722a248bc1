"""An admin's grant: units that are given, perhaps until a day; once for each key."""

from dataclasses import dataclass
from datetime import datetime

from services.billing.accounts.store_accounts import add_missing_accounts, lock_accounts
from services.billing.audit import Admin, record_action
from services.billing.grants.store_grants import add_lot, end_of_grant
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.idempotency import KEY_IS_TAKEN, repeated_entry
from services.billing.ledger.store_entries import PostedEntry
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is to be given, to whom."""

    workspace_id: int
    owner_user_id: int
    quota_units: int
    expires_at: datetime | None
    """None: it stays."""
    idempotency_key: str
    reason: str


async def give(connection: Connection, wanted: Grant, admin: Admin) -> PostedEntry:
    """Add to a balance, once for each key. Repeatable; the caller commits.

    What covers a debt is spent at once, and does not expire. Raises EnvelopeError where the end is
    past, or the key was used for something else.
    """
    workspace = wanted.workspace_id
    await add_missing_accounts(connection, [workspace])
    accounts = await lock_accounts(connection, [workspace])
    cause = f"grant:{wanted.idempotency_key}"
    same = (workspace, wanted.quota_units)
    posted = await repeated_entry(
        connection, cause, lambda entry: (entry.workspace_id, entry.amount_units) == same
    )
    if posted is not None:
        if await end_of_grant(connection, posted.entry_id) != wanted.expires_at:
            raise EnvelopeError(KEY_IS_TAKEN)
        return posted
    now = utc_now()
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise EnvelopeError("expires_at is past")
    if accounts[workspace].figures.balance_units + wanted.quota_units > MAX_ID:
        raise EnvelopeError("the balance would be larger than a balance can be")
    draft = EntryDraft(
        workspace_id=workspace,
        kind=EntryKind.GRANT,
        cause=cause,
        amount_units=wanted.quota_units,
        posted_at=now,
        user_id=wanted.owner_user_id,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.reason,
    )
    (posted,) = await post_entries(connection, accounts, [draft])
    if wanted.expires_at is not None:
        await add_lot(
            connection,
            workspace_id=workspace,
            entry_id=posted.entry_id,
            granted_units=wanted.quota_units,
            remaining_units=max(0, min(wanted.quota_units, posted.balance_after_units)),
            expires_at=wanted.expires_at,
        )
    await record_action(
        connection,
        admin,
        "account.grant",
        resource_id=workspace,
        workspace_id=workspace,
        changes={
            "quota_units": wanted.quota_units,
            "expires_at": wanted.expires_at,
            "reason": wanted.reason,
        },
    )
    return posted
