"""How many budgets there may be. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from services.billing.budgets.budget import BudgetRow

MAX_BUDGETS: Final = 20
"""Of a workspace: each of its requests is counted against all of them."""
MAX_HARD: Final = 6
"""That one request can meet: its event names at most eight leases, two of them for the account and
the key."""


class TooManyBudgetsError(Exception):
    """There would be more than there may be; the text says of what."""


def check_how_many(budgets: Iterable[BudgetRow]) -> None:
    """Raises TooManyBudgetsError where a workspace cannot have these budgets together."""
    rows = [budget for budget in budgets if not budget.is_deleted]
    if len(rows) > MAX_BUDGETS:
        raise TooManyBudgetsError(f"a workspace has at most {MAX_BUDGETS} budgets")
    hard = Counter(budget.project_id for budget in rows if budget.does_refuse)
    of_all = hard.pop(None, 0)
    if of_all + max(hard.values(), default=0) > MAX_HARD:
        raise TooManyBudgetsError(
            f"one request may come under at most {MAX_HARD} budgets with a hard limit"
        )
