"""The budgets that refuse, by workspace, from `billing.budgets`."""

from typing import NamedTuple

from shared.events.budgets import BudgetChanged, BudgetPeriod


class HardBudget(NamedTuple):
    """A budget that a request must be set aside from."""

    subject: str
    """`budget:<id>`, as leases name it."""
    provider_id: int | None
    """Only what this provider serves is charged to it; null: whoever serves."""
    name: str
    period: BudgetPeriod


class BudgetBook:
    """Active budgets with a hard limit. Those that only tell are billing's own business."""

    def __init__(self) -> None:
        self._workspaces: dict[int, dict[int, BudgetChanged]] = {}
        self._workspace_of: dict[int, int] = {}
        self.generation = 0
        """Goes up with every change: what was derived from the book holds for one generation."""

    def put_budget(self, budget: BudgetChanged) -> None:
        """The newest state of a budget."""
        self._remove(budget.budget_id)
        if budget.is_hard_limit and budget.is_active and not budget.is_deleted:
            self._workspace_of[budget.budget_id] = budget.workspace_id
            self._workspaces.setdefault(budget.workspace_id, {})[budget.budget_id] = budget
        self.generation += 1

    def forget(self, key: str) -> None:
        """A tombstone of `budget:<id>`."""
        kind, _, number = key.partition(":")
        if kind == "budget" and number.isdigit():
            self._remove(int(number))
            self.generation += 1

    def of(self, workspace_id: int, project_id: int | None) -> tuple[HardBudget, ...]:
        """Those that a request of this project counts to, by id: the order of their locks."""
        budgets = self._workspaces.get(workspace_id)
        if budgets is None:
            return ()
        return tuple(
            HardBudget(f"budget:{budget_id}", budget.provider_id, budget.name, budget.period)
            for budget_id, budget in sorted(budgets.items())
            if budget.project_id is None or budget.project_id == project_id
        )

    def _remove(self, budget_id: int) -> None:
        workspace_id = self._workspace_of.pop(budget_id, None)
        if workspace_id is None:
            return
        del self._workspaces[workspace_id][budget_id]
        if not self._workspaces[workspace_id]:
            del self._workspaces[workspace_id]
