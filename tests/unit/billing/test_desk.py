"""Whose lease it is, and what is answered to those whose it is not."""

from datetime import UTC, datetime

import pytest

from services.billing.leases.desk import LeaseDesk, Standing
from services.billing.leases.granting import Lease, LeaseRow, SubjectFigures
from services.billing.leases.subjects import Subject, SubjectKind, account, key, parse_subject
from shared.leases.protocol import LeaseAsk, LeaseState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = key(8)


def row(*, relay: str = "r1", is_open: bool = True) -> LeaseRow:
    lease = Lease(seq=5, granted_total=50, is_open=is_open)
    return LeaseRow(lease_id="l1", relay_id=relay, subject=account(1), workspace_id=1, lease=lease)


def desk(*rows: LeaseRow) -> LeaseDesk:
    figures = SubjectFigures(balance_units=1000, held_units=50)
    standings = {s: Standing(figures, 1) for s in (account(1), account(2), key(1))}
    standings[UNKNOWN] = Standing(figures, 1, is_known=False)
    return LeaseDesk("r1", NOW, standings, {r.lease_id: r for r in rows})


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
    assert not at.changed_subjects


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


def test_a_keys_lease_is_of_the_keys_figures_and_its_workspace() -> None:
    at = desk()
    assert at.answer(ask(subject="key:1")).granted_total == 70
    assert at.changed_leases["l1"].subject == key(1)
    assert at.changed_leases["l1"].workspace_id == 1
    assert {s: f.held_units for s, f in at.changed_subjects.items()} == {key(1): 120}


@pytest.mark.parametrize("subject", ["key:8", "key:9"])
def test_a_key_that_billing_has_not_heard_of_may_be_waited_for(subject: str) -> None:
    """Neither refused for want of balance nor closed: what it may spend is on its way."""
    at = desk()
    answer = at.answer(ask(subject=subject))
    assert (answer.state, answer.granted_total, answer.is_short) == (LeaseState.OPEN, 0, True)
    assert answer.spendable_units == 70
    assert not at.changed_leases
    assert not at.changed_subjects


@pytest.mark.parametrize("subject", ["key:8", "key:9"])
def test_a_lease_of_such_a_key_can_be_closed(subject: str) -> None:
    assert desk().answer(ask(subject=subject, close=True)).state is LeaseState.CLOSED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("account:7", Subject(SubjectKind.ACCOUNT, 7)),
        ("key:7", Subject(SubjectKind.KEY, 7)),
        (f"account:{2**63 - 1}", Subject(SubjectKind.ACCOUNT, 2**63 - 1)),
        (f"account:{2**63}", None),
        ("key:07", None),
        ("key:", None),
        ("budget:7", Subject(SubjectKind.BUDGET, 7)),
        ("lease:7", None),
        ("key:7 ", None),
    ],
)
def test_the_subject_of_a_text(text: str, expected: Subject | None) -> None:
    assert parse_subject(text) == expected
    assert expected is None or str(expected) == text
