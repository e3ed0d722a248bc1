"""Whose lease it is, and what is answered to those whose it is not."""

from datetime import UTC, datetime

import pytest

from services.billing.desk import LeaseDesk, account_id
from services.billing.granting import AccountFigures, Lease, LeaseRow
from shared.leases.protocol import LeaseAsk, LeaseState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(*, relay: str = "r1", is_open: bool = True) -> LeaseRow:
    lease = Lease(seq=5, granted_total=50, is_open=is_open)
    return LeaseRow(lease_id="l1", relay_id=relay, workspace_id=1, lease=lease)


def desk(*rows: LeaseRow) -> LeaseDesk:
    account = AccountFigures(balance_units=1000, held_units=50)
    return LeaseDesk("r1", NOW, {1: account, 2: account}, {r.lease_id: r for r in rows})


def ask(*, subject: str = "account:1", seq: int = 6, close: bool = False) -> LeaseAsk:
    return LeaseAsk(
        lease_id="l1",
        subject=subject,
        seq=seq,
        used_total=0,
        need_total=70,
        want_total=70,
        close=close,
    )


@pytest.mark.parametrize("subject", ["account:2", "key:1", "account:", "account:0", "account:-1"])
def test_another_subject_is_refused_and_changes_nothing(subject: str) -> None:
    at = desk(row())
    answer = at.answer(ask(subject=subject, close=True))
    assert (answer.state, answer.granted_total) == (LeaseState.CLOSED, 0)
    assert not at.changed_leases
    assert not at.changed_accounts


def test_another_relays_lease_is_refused_and_changes_nothing() -> None:
    at = desk(row(relay="r2"))
    assert at.answer(ask(close=True)).state is LeaseState.CLOSED
    assert not at.changed_leases


def test_a_lease_that_only_a_charge_named_is_its_first_askers() -> None:
    at = desk(row(relay=""))
    assert at.answer(ask()).granted_total == 70
    assert at.changed_leases["l1"].relay_id == "r1"


def test_a_late_message_gets_the_stored_answer() -> None:
    at = desk(row())
    answer = at.answer(ask(seq=5))
    assert (answer.seq, answer.granted_total) == (5, 50)
    assert not at.changed_leases


def test_a_closed_lease_answers_the_message_that_came() -> None:
    """A relay passes over answers to older messages: it would never hear that it is closed."""
    answer = desk(row(is_open=False)).answer(ask(seq=9))
    assert (answer.seq, answer.state) == (9, LeaseState.CLOSED)


def test_a_lease_twice_in_one_message_is_answered_in_order() -> None:
    at = desk(row())
    assert [at.answer(ask(seq=n)).seq for n in (6, 7)] == [6, 7]
    assert at.changed_leases["l1"].lease.seq == 7


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("account:7", 7), (f"account:{2**63 - 1}", 2**63 - 1), (f"account:{2**63}", None)],
)
def test_the_workspace_of_a_subject(subject: str, expected: int | None) -> None:
    assert account_id(subject) == expected
