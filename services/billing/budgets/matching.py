"""Which budgets a spend counts to. Pure."""

from services.billing.budgets.budget import BudgetRow


def covers(budget: BudgetRow, project_id: int | None, provider_id: int | None) -> bool:
    """Whether what this project spent at this provider counts to the budget of its workspace.

    A budget without a project is of all of them, and of what has none; so with providers.
    """
    return budget.project_id in {None, project_id} and budget.provider_id in {None, provider_id}
