"""Accounts are looked at in turns: what was found stays shown until its round comes by again."""

from services.billing.drift.rounds import Round
from services.billing.drift.store_drift import Drift, Turn


def turn(looked_at: int, rows: int, units: float, after: int) -> Turn:
    return Turn({"balances": Drift(looked_at, rows, units), "holds": Drift(1, 0, 0)}, after)


def test_a_round_adds_its_turns_up_and_the_next_begins_anew() -> None:
    going = Round()

    assert going.add(turn(10, 1, 5, 10))["balances"] == Drift(10, 1, 5)
    assert going.after_workspace_id == 10
    assert going.add(turn(4, 1, 2, 0))["balances"] == Drift(14, 2, 7)
    assert going.after_workspace_id == 0
    # Nothing is wrong in the first part, and nobody has looked at the second again.
    assert going.add(turn(10, 0, 0, 10))["balances"] == Drift(14, 2, 7)
    assert going.add(turn(4, 0, 0, 0))["balances"] == Drift(14, 0, 0)


def test_the_other_checks_are_as_the_turn_found_them() -> None:
    assert Round().add(turn(1, 0, 0, 0))["holds"] == Drift(1, 0, 0)
