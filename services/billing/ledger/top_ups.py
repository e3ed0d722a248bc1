"""An admin's top-up: once for each key of the caller's."""

from dataclasses import dataclass

from services.billing.accounts.store_accounts import add_missing_accounts, lock_accounts
from services.billing.audit import Admin, record_action
from services.billing.ledger.entering import EntryDraft, post_entries
from services.billing.ledger.store_entries import PostedEntry
from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

KEY_IS_TAKEN = "this idempotency_key was used for another workspace or amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """What is to be added, to whose balance."""

    workspace_id: int
    owner_user_id: int
    quota_units: int
    idempotency_key: str
    note: str = ""


async def top_up(connection: Connection, wanted: TopUp, admin: Admin) -> PostedEntry:
    """Add to a balance, once for each key. Repeatable; the caller commits.

    Raises EnvelopeError where the key was used for something else.
    """
    workspace = wanted.workspace_id
    await add_missing_accounts(connection, [workspace])
    accounts = await lock_accounts(connection, [workspace])
    if accounts[workspace].figures.balance_units + wanted.quota_units > MAX_ID:
        raise EnvelopeError("the balance would be larger than a balance can be")
    draft = EntryDraft(
        workspace_id=workspace,
        kind=EntryKind.TOP_UP,
        cause=f"top_up:{wanted.idempotency_key}",
        amount_units=wanted.quota_units,
        user_id=wanted.owner_user_id,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.note,
        posted_at=utc_now(),
    )
    (posted,) = await post_entries(connection, accounts, [draft])
    if posted.is_repeated:
        if (posted.workspace_id, posted.amount_units) != (workspace, wanted.quota_units):
            raise EnvelopeError(KEY_IS_TAKEN)
        return posted
    await record_action(
        connection,
        admin,
        "account.top_up",
        resource_id=workspace,
        workspace_id=workspace,
        changes={"quota_units": wanted.quota_units, "note": wanted.note},
    )
    return posted
