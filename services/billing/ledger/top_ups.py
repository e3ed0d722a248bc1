"""An admin's top-up: once for each key of the caller's."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from services.billing.accounts.store_accounts import (
    add_missing_accounts,
    lock_accounts,
    write_accounts,
)
from services.billing.audit import Admin, record_action
from services.billing.ledger.store_entries import (
    PostedEntry,
    entry_by_cause,
    insert_entry,
    next_entry_id,
)
from shared.events.ledger import EntryKind, LedgerEntryPosted
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


class ToppedUp(NamedTuple):
    """The entry, and whether it was there before."""

    entry: PostedEntry
    is_repeated: bool


async def top_up(connection: Connection, wanted: TopUp, admin: Admin) -> ToppedUp:
    """Add to a balance, once for each key. Repeatable; the caller commits.

    Raises EnvelopeError where the key was used for something else.
    """
    cause = f"top_up:{wanted.idempotency_key}"
    workspace = wanted.workspace_id
    await add_missing_accounts(connection, [workspace])
    account = (await lock_accounts(connection, [workspace]))[workspace]
    balance = account.balance_units + wanted.quota_units
    if balance > MAX_ID:
        raise EnvelopeError("the balance would be larger than a balance can be")
    entry = LedgerEntryPosted(
        entry_id=await next_entry_id(connection),
        workspace_id=workspace,
        kind=EntryKind.TOP_UP,
        cause=cause,
        amount_units=wanted.quota_units,
        balance_after_units=balance,
        user_id=wanted.owner_user_id,
        actor_user_id=admin.user_id,
        actor_name=admin.name,
        note=wanted.note,
        posted_at=utc_now(),
    )
    if not await insert_entry(connection, entry):
        return ToppedUp(await _same(connection, cause, wanted), is_repeated=True)
    await write_accounts(connection, {workspace: replace(account, balance_units=balance)})
    await record_action(
        connection,
        admin,
        "account.top_up",
        resource_id=workspace,
        workspace_id=workspace,
        changes={"quota_units": wanted.quota_units, "note": wanted.note},
    )
    posted = PostedEntry(entry.entry_id, workspace, wanted.quota_units, balance)
    return ToppedUp(posted, is_repeated=False)


async def _same(connection: Connection, cause: str, wanted: TopUp) -> PostedEntry:
    posted = await entry_by_cause(connection, cause)
    if posted is None or (posted.workspace_id, posted.amount_units) != (
        wanted.workspace_id,
        wanted.quota_units,
    ):
        raise EnvelopeError(KEY_IS_TAKEN)
    return posted
