"""What can be left of grants that end, by the ledger alone. Pure.

The rules are written out again here, on purpose. An entry tells what a charge took of which grant;
of a refund or an adjustment it follows, since a grant gets back what it paid of the units that a
charge no longer comes to. Account by account, entries come in order: memory goes by grants, and by
charges that something came back of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Given(NamedTuple):
    """A grant that ends, as its row has it."""

    grant_id: int
    workspace_id: int
    entry_id: int
    granted_units: int
    expires_at: datetime


class Moved(NamedTuple):
    """An entry that may move what is left of grants."""

    entry_id: int
    workspace_id: int
    kind: str
    amount_units: int
    balance_after_units: int
    posted_at: datetime
    refers_to_entry_id: int | None
    expired_grant_id: int | None
    """Whose end an expiry is."""
    sources: Sequence[tuple[int, int]]
    """Grants and what each paid of a charge, in order."""
    is_settled: bool
    """Whether an entry refers to it."""


@dataclass(slots=True)
class _Settled:
    net_units: int
    sources: Sequence[tuple[int, int]]


class Lots:
    """What is left of each grant at the most; exactly that where it is still whole (`is_exact`)."""

    def __init__(self, given: Iterable[Given]) -> None:
        self._given = {lot.grant_id: lot for lot in given}
        self._by_entry = {lot.entry_id: lot for lot in self._given.values()}
        self._settled: dict[int, _Settled] = {}
        self._sums: dict[int, int] = {}
        self._clipped: set[int] = set()
        self.left = dict.fromkeys(self._given, 0)

    def move(self, entry: Moved) -> None:
        """The account's next entry."""
        self._begin(entry)
        for grant_id, units in entry.sources:
            self._change(grant_id, -units)
        if entry.kind == "charge":
            if entry.is_settled:
                self._settled[entry.entry_id] = _Settled(-entry.amount_units, entry.sources)
        elif entry.expired_grant_id is not None:
            self._change(entry.expired_grant_id, entry.amount_units)
        elif entry.refers_to_entry_id in self._settled:
            self._give_back(self._settled[entry.refers_to_entry_id], entry)
        self.see_balance(entry.workspace_id, entry.balance_after_units)

    def see_balance(self, workspace_id: int, balance_units: int) -> None:
        """Grants together never have more than the account: what is beyond it, some gave up."""
        if self._sums.get(workspace_id, 0) > max(0, balance_units):
            self._clipped.add(workspace_id)

    def is_exact(self, workspace_id: int) -> bool:
        """Whether no balance was ever so low that grants had to give up some of what was left."""
        return workspace_id not in self._clipped

    def _begin(self, entry: Moved) -> None:
        """What covers a debt is spent at once."""
        lot = self._by_entry.get(entry.entry_id)
        if lot is not None:
            self._change(lot.grant_id, max(0, min(lot.granted_units, entry.balance_after_units)))

    def _give_back(self, charge: _Settled, entry: Moved) -> None:
        before, after = charge.net_units, charge.net_units - entry.amount_units
        charge.net_units = after
        begin = 0
        for grant_id, paid in charge.sources:
            of_before, of_after = (min(max(0, net - begin), paid) for net in (before, after))
            begin += paid
            back = of_before - of_after
            lot = self._given.get(grant_id)
            # One that has ended takes nothing more. By its entry's time, which is a little later
            # than the one that decided: so only what it loses is left out.
            if lot is not None and (back > 0 or entry.posted_at < lot.expires_at):
                left = self.left[grant_id]
                self._change(grant_id, min(lot.granted_units, max(0, left + back)) - left)

    def _change(self, grant_id: int, units: int) -> None:
        lot = self._given.get(grant_id)
        if lot is not None:
            self.left[grant_id] += units
            self._sums[lot.workspace_id] = self._sums.get(lot.workspace_id, 0) + units
