"""Answering a relay's message: one transaction for the whole of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.billing.granting import AccountFigures, Ask, Lease, answer
from services.billing.store_accounts import add_missing_accounts, lock_accounts, write_accounts
from services.billing.store_leases import LeaseRow, lock_leases, put_leases
from shared.events.numbers import MAX_ID
from shared.leases.protocol import LeaseAnswer, LeaseAnswers, LeaseAsk, LeaseAsks, LeaseState
from shared.postgres.retrying import Connection

_ACCOUNT: Final = re.compile(r"account:([1-9][0-9]{0,18})")


async def answer_message(connection: Connection, message: LeaseAsks) -> LeaseAnswers:
    """Answer every ask, in order. Repeatable; the caller commits.

    A lease that is another relay's or another subject's, or whose subject is none, is answered as
    closed and left as it is.
    """
    wanted = {i for ask in message.leases if (i := _account_id(ask.subject)) is not None}
    if not wanted:
        return LeaseAnswers(leases=tuple(_refused(ask) for ask in message.leases))
    await add_missing_accounts(connection, wanted)
    locked = await lock_accounts(connection, wanted)
    leases = await lock_leases(connection, (ask.lease_id for ask in message.leases))
    desk = _Desk(message.relay_id, locked.now, locked.accounts, leases)
    answers = tuple(desk.answer(ask) for ask in message.leases)
    await put_leases(connection, desk.changed_leases, is_heartbeat=True)
    await write_accounts(connection, desk.changed_accounts)
    return LeaseAnswers(leases=answers)


class _Desk:
    """The accounts and leases of one message, under lock."""

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
        account_id = _account_id(ask.subject)
        if account_id is None:
            return _refused(ask)
        row = self._leases.get(ask.lease_id) or LeaseRow(
            lease_id=ask.lease_id, relay_id="", workspace_id=account_id, lease=Lease()
        )
        # A lease without a relay was named by a charge alone: its first message says whose it is.
        if row.workspace_id != account_id or row.relay_id not in ("", self._relay_id):
            return _refused(ask)
        before = self._accounts[account_id]
        account, lease = answer(before, row.lease, _figures(ask), now=self._now)
        if lease is not row.lease:
            row = replace(row, relay_id=self._relay_id, lease=lease)
            self._leases[ask.lease_id] = self.changed_leases[ask.lease_id] = row
        if account is not before:
            self._accounts[account_id] = self.changed_accounts[account_id] = account
        return LeaseAnswer(
            lease_id=ask.lease_id,
            seq=lease.seq,
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


def _refused(ask: LeaseAsk) -> LeaseAnswer:
    return LeaseAnswer(lease_id=ask.lease_id, seq=ask.seq, granted_total=0, state=LeaseState.CLOSED)


def _account_id(subject: str) -> int | None:
    """The workspace of an account's subject; None for what is not one."""
    match = _ACCOUNT.fullmatch(subject)
    account_id = int(match[1]) if match else 0
    return account_id if 0 < account_id <= MAX_ID else None
