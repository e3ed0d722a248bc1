"""What people do to budgets. Each function is one change; the caller commits."""

from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from services.billing.accounts.store_accounts import (
    add_missing_accounts,
    lock_accounts,
    read_head,
)
from services.billing.audit import record_action
from services.billing.budgets.applying import cut
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.limits import TooManyBudgetsError, check_how_many
from services.billing.budgets.periods import period_of
from services.billing.budgets.posting import bring_up_to_date, write_changes
from services.billing.budgets.state import announce
from services.billing.budgets.store_budgets import lock_budgets, read_budgets
from services.billing.budgets.store_settings import (
    Spent,
    insert_budget,
    mark_deleted,
    read_spent,
    set_spent,
    update_budget,
)
from shared.audit.actions import Actor
from shared.events.budgets import BudgetPeriod
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who changes a budget, and whose budgets that can be."""

    actor: Actor
    workspace_id: int | None
    """None: anybody's."""


async def create_budget(
    connection: Connection, actor: Actor, wanted: dict[str, Any], *, timezone: str
) -> int:
    """Make a budget, and count what its period has seen already; answers its id.

    Raises EnvelopeError where the workspace would have too many.
    """
    workspace_id: int = wanted["workspace_id"]
    zone = ZoneInfo(timezone)
    period = period_of(utc_now(), wanted["period"], zone)
    await add_missing_accounts(connection, [workspace_id])
    # A year may have millions of entries. They are summed up before the account is locked, so that
    # no charge waits for that: an account's entries are there in order of id.
    head = await read_head(connection, workspace_id)
    spent = await read_spent(connection, wanted, period, after_entry_id=0, until_entry_id=head)
    # From here on no charge of the workspace comes in between.
    await lock_accounts(connection, [workspace_id])
    if (begun := period_of(utc_now(), wanted["period"], zone)) != period:
        period, head, spent = begun, 0, Spent()
    budget_id = await insert_budget(connection, wanted, timezone=timezone, period=period)
    rows = await lock_budgets(connection, workspace_ids=[workspace_id])
    _check(list(rows.values()))
    since = await read_spent(connection, wanted, period, after_entry_id=head, until_entry_id=MAX_ID)
    await set_spent(connection, budget_id, [spent, since])
    (counted,) = await read_budgets(connection, [budget_id])
    await bring_up_to_date(connection, {budget_id: counted})
    await announce(connection, budget_id)
    await _record(connection, actor, "budget.create", counted, wanted)
    return budget_id


async def change_budget(
    connection: Connection, who: Who, budget_id: int, changes: dict[str, Any]
) -> None:
    """Set what `changes` holds. What was spent stays; another length begins a period now.

    Raises EnvelopeError where there is no such budget, or the workspace would have too many.
    """
    row = await _lock(connection, who, budget_id)
    row = (await bring_up_to_date(connection, {budget_id: row}))[budget_id]
    kind: BudgetPeriod = changes.get("period", row.period)
    if kind is not row.period:
        now = utc_now()
        changed = cut(row, now, kind)
        await write_changes(connection, {budget_id: row}, changed, now)
        row = changed.changed[budget_id]
    settable = {name: changes[name] for name in changes if name not in {"period", "description"}}
    row = replace(row, **settable)
    await update_budget(connection, row, changes.get("description"))
    rows = await lock_budgets(connection, workspace_ids=[row.workspace_id])
    _check(list(rows.values()))
    # A smaller amount may be reached already.
    await bring_up_to_date(connection, {budget_id: row})
    await announce(connection, budget_id)
    await _record(connection, who.actor, "budget.update", row, changes)


async def remove_budget(connection: Connection, who: Who, budget_id: int) -> None:
    """Take a budget away: it refuses and counts nothing from now on."""
    row = await _lock(connection, who, budget_id)
    await mark_deleted(connection, budget_id)
    await announce(connection, budget_id)
    await _record(connection, who.actor, "budget.delete", row, {"name": row.name})


async def _lock(connection: Connection, who: Who, budget_id: int) -> BudgetRow:
    """With all budgets of its workspace: whoever changes two at once would else count wrongly."""
    found = await read_budgets(connection, [budget_id])
    if not found or not _is_seen(found[0], who.workspace_id):
        raise not_found()
    rows = await lock_budgets(connection, workspace_ids=[found[0].workspace_id])
    if budget_id not in rows:
        raise not_found()
    return rows[budget_id]


def _is_seen(row: BudgetRow, workspace_id: int | None) -> bool:
    return not row.is_deleted and workspace_id in {None, row.workspace_id}


def not_found() -> EnvelopeError:
    """There is none, or it is not the caller's to see."""
    return EnvelopeError("budget not found")


def _check(rows: list[BudgetRow]) -> None:
    try:
        check_how_many(rows)
    except TooManyBudgetsError as error:
        raise EnvelopeError(str(error)) from None


async def _record(
    connection: Connection, actor: Actor, action: str, row: BudgetRow, changes: dict[str, Any]
) -> None:
    await record_action(
        connection,
        actor,
        action,
        resource_id=row.id,
        workspace_id=row.workspace_id,
        changes=changes,
    )
