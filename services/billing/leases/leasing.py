"""Answering a relay's message: one transaction for the whole of it."""

from collections.abc import Collection
from datetime import datetime

from services.billing.accounts.store_accounts import (
    add_missing_accounts,
    lock_accounts,
    write_held,
)
from services.billing.budgets.posting import lock_current
from services.billing.budgets.store_budgets import write_budgets_held
from services.billing.keys.store_keys import lock_keys, write_keys
from services.billing.leases.desk import LeaseDesk, Standing, refused
from services.billing.leases.store_leases import lock_leases, put_leases
from services.billing.leases.subjects import (
    Subject,
    SubjectKind,
    account,
    budget,
    by_id,
    ids_of,
    key,
    parse_subject,
)
from shared.leases.protocol import LeaseAnswers, LeaseAsks
from shared.postgres.retrying import Connection


async def answer_message(connection: Connection, message: LeaseAsks) -> LeaseAnswers:
    """Answer every ask, in order. Repeatable; the caller commits.

    A lease that is another relay's or another subject's, or whose subject is none, is answered as
    closed and left as it is.
    """
    named = {s for ask in message.leases if (s := parse_subject(ask.subject)) is not None}
    if not named:
        return LeaseAnswers(leases=tuple(refused(ask) for ask in message.leases))
    standings = await _lock(connection, named)
    leases = await lock_leases(connection, (ask.lease_id for ask in message.leases))
    now: datetime = await connection.fetchval("SELECT now()")
    desk = LeaseDesk(message.relay_id, now, standings, leases)
    answers = tuple(desk.answer(ask) for ask in message.leases)
    await put_leases(connection, desk.changed_leases, is_heartbeat=True)
    await write_held(connection, by_id(desk.changed_subjects, SubjectKind.ACCOUNT))
    await write_keys(connection, by_id(desk.changed_subjects, SubjectKind.KEY))
    await write_budgets_held(connection, by_id(desk.changed_subjects, SubjectKind.BUDGET))
    return LeaseAnswers(leases=answers)


async def _lock(connection: Connection, named: Collection[Subject]) -> dict[Subject, Standing]:
    """Accounts, keys, budgets. A key or a budget that billing does not know is left out."""
    workspaces = ids_of(named, SubjectKind.ACCOUNT)
    await add_missing_accounts(connection, workspaces)
    accounts = await lock_accounts(connection, workspaces)
    keys = await lock_keys(connection, ids_of(named, SubjectKind.KEY))
    budgets = await lock_current(connection, ids_of(named, SubjectKind.BUDGET))
    return (
        {account(i): Standing(row.figures, i) for i, row in accounts.items()}
        | {
            key(i): Standing(row.figures, row.workspace_id, is_known=row.quota_version is not None)
            for i, row in keys.items()
        }
        | {budget(i): Standing(row.figures, row.workspace_id) for i, row in budgets.items()}
    )
