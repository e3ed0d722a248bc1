"""Counting a batch of requests against budgets, in the batch's transaction."""

from collections.abc import Sequence

from services.billing.budgets.applying import Spend
from services.billing.budgets.budget import BudgetRow
from services.billing.budgets.counting import spends_of
from services.billing.budgets.posting import count_locked
from services.billing.budgets.store_budgets import lock_budgets
from services.billing.budgets.store_failed import note_failed
from services.billing.charging.chargeable import Charge, FailedRequest
from shared.postgres.retrying import Connection


async def count_batch(
    connection: Connection, charges: Sequence[Charge], failed: Sequence[FailedRequest]
) -> dict[int, BudgetRow]:
    """Count charges that are new, and failed requests that were not counted before.

    Locks the budgets of their workspaces and those that leases are of, and answers them.
    """
    workspaces = {charge.workspace_id for charge in charges}
    workspaces.update(request.workspace_id for request in failed)
    if not workspaces:
        return {}
    leased = {budget_id for charge in charges for _, budget_id in charge.budget_leases}
    locked = await lock_budgets(connection, workspace_ids=workspaces, ids=leased)
    if not locked:
        return {}
    counted = {budget.workspace_id for budget in locked.values() if not budget.is_deleted}
    new = await note_failed(connection, [f for f in failed if f.workspace_id in counted])
    spends = spends_of(charges, locked.values())
    spends += [
        Spend(f.workspace_id, f.project_id, f.provider_id, 0, 1, 1, f.completed_at) for f in new
    ]
    return await count_locked(connection, locked, spends)
