from services.relay.books.budgets import BudgetBook, HardBudget
from shared.events.budgets import BudgetChanged, BudgetPeriod


def budget(budget_id: int, **changes: object) -> BudgetChanged:
    told = BudgetChanged(
        budget_id=budget_id,
        workspace_id=7,
        name="research",
        period=BudgetPeriod.DAILY,
        amount_units=500_000,
        is_hard_limit=True,
        is_active=True,
    )
    return told.model_copy(update=changes)


def subjects(book: BudgetBook, project_id: int | None = None, workspace_id: int = 7) -> list[str]:
    return [hard.subject for hard in book.of(workspace_id, project_id)]


def test_a_request_meets_its_workspace_s_and_its_project_s_budgets_by_id() -> None:
    book = BudgetBook()
    for told in (budget(12), budget(3, project_id=5), budget(4, project_id=6)):
        book.put_budget(told)
    book.put_budget(budget(5, workspace_id=8))

    assert subjects(book, project_id=5) == ["budget:3", "budget:12"]
    assert subjects(book) == ["budget:12"]
    assert subjects(book, workspace_id=9) == []


def test_a_budget_of_one_provider_says_whose() -> None:
    book = BudgetBook()
    book.put_budget(budget(3, provider_id=9))

    assert book.of(7, None) == (HardBudget("budget:3", 9, "research", BudgetPeriod.DAILY),)


def test_only_an_active_hard_budget_is_met() -> None:
    for change in ({"is_hard_limit": False}, {"is_active": False}, {"is_deleted": True}):
        book = BudgetBook()
        book.put_budget(budget(3))
        book.put_budget(budget(3, **change))
        assert subjects(book) == []


def test_the_newest_state_holds_though_it_moves_to_another_workspace() -> None:
    book = BudgetBook()
    book.put_budget(budget(3))
    book.put_budget(budget(3, workspace_id=8))

    assert subjects(book) == []
    assert subjects(book, workspace_id=8) == ["budget:3"]


def test_a_tombstone_removes_one_and_every_change_is_a_generation() -> None:
    book = BudgetBook()
    book.put_budget(budget(3))
    book.put_budget(budget(4))
    for key in ("budget:3", "budget:99", "budget:", "model:4"):
        book.forget(key)

    assert subjects(book) == ["budget:4"]
    assert book.generation == 4
