"""What is left of grants that end, followed through the entries of an account."""

from datetime import UTC, datetime, timedelta

from operations.reconcile.lots import Given, Lots, Moved

NOW = datetime(2026, 3, 1, tzinfo=UTC)
END = NOW + timedelta(days=1)


def lots() -> Lots:
    """A grant of 100, given by entry 1, and what is left of it."""
    made = Lots([Given(5, 1, 1, 100, END)])
    made.move(entry(1, "grant", 100, after=1000))
    return made


def entry(
    entry_id: int,
    kind: str,
    units: int,
    *,
    after: int,
    at: datetime = NOW,
    refers_to: int | None = None,
    expired: int | None = None,
    paid: int = 0,
) -> Moved:
    sources = [(5, paid)] if paid else []
    return Moved(entry_id, 1, kind, units, after, at, refers_to, expired, sources, is_settled=True)


def test_a_refund_gives_back_what_the_grant_paid_of_the_charge_s_last_units() -> None:
    left = lots()
    left.move(entry(2, "charge", -150, after=850, paid=100))
    left.move(entry(3, "refund", 60, after=910, refers_to=2))
    assert (left.left, left.is_exact(1)) == ({5: 10}, True)
    left.move(entry(4, "adjustment", -60, after=850, refers_to=2))
    assert left.left == {5: 0}


def test_what_came_back_is_taken_once_though_its_charge_rises_after_it_was_spent() -> None:
    left = lots()
    left.move(entry(2, "charge", -100, after=900, paid=100))
    left.move(entry(3, "refund", 50, after=950, refers_to=2))
    left.move(entry(4, "charge", -50, after=900, paid=50))
    left.move(entry(5, "adjustment", -50, after=850, refers_to=2))
    assert (left.left, left.is_exact(1)) == ({5: 0}, True)


def test_a_grant_that_has_ended_loses_what_expired_and_nothing_more() -> None:
    left = lots()
    left.move(entry(2, "charge", -30, after=970, paid=30))
    left.move(entry(3, "expiry", -20, after=950, at=END, expired=5))
    left.move(entry(4, "adjustment", -10, after=940, at=END, refers_to=2))
    assert left.left == {5: 50}


def test_what_covered_a_debt_was_never_left() -> None:
    left = Lots([Given(5, 1, 1, 100, END)])
    left.move(entry(1, "grant", 100, after=30))
    assert left.left == {5: 30}


def test_where_a_balance_fell_below_its_grants_nobody_knows_which_gave_up() -> None:
    left = lots()
    left.move(entry(2, "transfer", -950, after=50))
    left.move(entry(3, "top_up", 950, after=1000))
    assert (left.left, left.is_exact(1)) == ({5: 100}, False)
