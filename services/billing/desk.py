"""Answering one message in memory: whose lease it is, and what it is granted. Pure."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.billing.granting import AccountFigures, Ask, Lease, LeaseRow, answer
from shared.events.numbers import MAX_ID
from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseState

_ACCOUNT: Final = re.compile(r"account:([1-9][0-9]{0,18})")


class LeaseDesk:
    """The accounts and leases of one relay's message, under lock."""

    def __init__(
        self,
        relay_id: str,
        now: datetime,
        accounts: Mapping[int, AccountFigures],
        leases: Mapping[str, LeaseRow],
    ) -> None:
        self._relay_id = relay_id
        self._now = now
        self._accounts = dict(accounts)
        self._leases = dict(leases)
        self.changed_accounts: dict[int, AccountFigures] = {}
        self.changed_leases: dict[str, LeaseRow] = {}

    def answer(self, ask: LeaseAsk) -> LeaseAnswer:
        """Answer one ask, and remember what it changed."""
        workspace_id = account_id(ask.subject)
        if workspace_id is None:
            return refused(ask)
        row = self._leases.get(ask.lease_id) or LeaseRow(
            lease_id=ask.lease_id, relay_id="", workspace_id=workspace_id, lease=Lease()
        )
        # A lease without a relay was named by a charge alone: its first message says whose it is.
        if row.workspace_id != workspace_id or row.relay_id not in ("", self._relay_id):
            return refused(ask)
        before = self._accounts[workspace_id]
        account, lease = answer(before, row.lease, _figures(ask), now=self._now)
        if lease is not row.lease:
            row = replace(row, relay_id=self._relay_id, lease=lease)
            self._leases[ask.lease_id] = self.changed_leases[ask.lease_id] = row
        if account is not before:
            self._accounts[workspace_id] = self.changed_accounts[workspace_id] = account
        return LeaseAnswer(
            lease_id=ask.lease_id,
            # Closed is the answer to whatever comes; a relay passes over answers to older messages.
            seq=lease.seq if lease.is_open else ask.seq,
            granted_total=lease.granted_total,
            state=LeaseState.OPEN if lease.is_open else LeaseState.CLOSED,
            is_short=lease.is_short,
            is_scarce=lease.is_scarce,
            spendable_units=account.spendable_units,
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


def account_id(subject: str) -> int | None:
    """The workspace of an account's subject; None for what is not one."""
    match = _ACCOUNT.fullmatch(subject)
    workspace_id = int(match[1]) if match else 0
    return workspace_id if 0 < workspace_id <= MAX_ID else None
