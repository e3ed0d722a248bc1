"""Answering one message in memory: whose lease it is, and what it is granted. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.billing.leases.granting import Ask, Lease, LeaseRow, SubjectFigures, answer
from services.billing.leases.subjects import Subject, parse_subject
from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseState


class Standing(NamedTuple):
    """A subject under lock."""

    figures: SubjectFigures
    workspace_id: int
    is_known: bool = True
    """Whether billing knows what it may spend."""


class LeaseDesk:
    """The subjects and leases of one relay's message, under lock."""

    def __init__(
        self,
        relay_id: str,
        now: datetime,
        standings: Mapping[Subject, Standing],
        leases: Mapping[str, LeaseRow],
    ) -> None:
        self._relay_id = relay_id
        self._now = now
        self._standings = dict(standings)
        self._leases = dict(leases)
        self.changed_subjects: dict[Subject, SubjectFigures] = {}
        self.changed_leases: dict[str, LeaseRow] = {}

    def answer(self, ask: LeaseAsk) -> LeaseAnswer:
        """Answer one ask, and remember what it changed."""
        subject = parse_subject(ask.subject)
        standing = None if subject is None else self._standings.get(subject)
        if subject is None or standing is None:
            return refused(ask) if subject is None or ask.close else awaited(ask)
        row = self._leases.get(ask.lease_id) or LeaseRow(
            lease_id=ask.lease_id,
            relay_id="",
            subject=subject,
            workspace_id=standing.workspace_id,
            lease=Lease(),
        )
        # A lease without a relay was named by a charge alone: its first message says whose it is.
        if row.subject != subject or row.relay_id not in ("", self._relay_id):
            return refused(ask)
        if not (standing.is_known or ask.close):
            return awaited(ask)
        figures, lease = answer(standing.figures, row.lease, _figures(ask), now=self._now)
        if lease is not row.lease:
            row = replace(row, relay_id=self._relay_id, lease=lease)
            self._leases[ask.lease_id] = self.changed_leases[ask.lease_id] = row
        if figures is not standing.figures:
            self._standings[subject] = standing._replace(figures=figures)
            self.changed_subjects[subject] = figures
        return LeaseAnswer(
            lease_id=ask.lease_id,
            # Closed is the answer to whatever comes; a relay passes over answers to older messages.
            seq=lease.seq if lease.is_open else ask.seq,
            granted_total=lease.granted_total,
            state=LeaseState.OPEN if lease.is_open else LeaseState.CLOSED,
            is_short=lease.is_short,
            is_scarce=lease.is_scarce,
            spendable_units=figures.spendable_units,
        )


def _figures(ask: LeaseAsk) -> Ask:
    return Ask(
        seq=ask.seq,
        used_total=ask.used_total,
        need_total=ask.need_total,
        want_total=ask.want_total,
        is_close=ask.close,
    )


def refused(ask: LeaseAsk) -> LeaseAnswer:
    """The answer to what is not the relay's to ask: closed, with nothing granted."""
    return LeaseAnswer(lease_id=ask.lease_id, seq=ask.seq, granted_total=0, state=LeaseState.CLOSED)


def awaited(ask: LeaseAsk) -> LeaseAnswer:
    """The answer for a key of which billing has not heard yet: nothing, but it may come.

    It says that all that waits could be spent, so that the relay waits and does not refuse.
    """
    return LeaseAnswer(
        lease_id=ask.lease_id,
        seq=ask.seq,
        granted_total=0,
        state=LeaseState.OPEN,
        is_short=True,
        is_scarce=True,
        spendable_units=max(ask.want_total, ask.need_total) - ask.used_total,
    )
