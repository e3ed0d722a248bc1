"""Following chains: entries in, the first broken one of each account out. Pure."""

from collections import OrderedDict
from typing import Final, NamedTuple

from shared.money.chain import ChainedEntry, ChainHead, entry_hash, prev_hash

_REMEMBERED: Final = 300_000
"""Of what was seen last, by id: what is published once more comes soon after the first time."""


class Stated(NamedTuple):
    """An entry, and the hashes that it says of itself; empty: none."""

    entry: ChainedEntry
    prev_hash: bytes
    entry_hash: bytes


class Break(NamedTuple):
    """The first entry of an account that does not agree with its chain."""

    workspace_id: int
    entry_id: int
    what: str

    def __str__(self) -> str:
        return f"workspace {self.workspace_id}: entry {self.entry_id} is broken: {self.what}"


class _Account:
    __slots__ = ("balance_units", "head", "is_broken")

    def __init__(self) -> None:
        self.head = ChainHead()
        self.balance_units: int | None = None
        self.is_broken = False


class ChainCheck:
    """Follows every account's chain. Entries of one account come in order; memory is by account."""

    def __init__(self, *, is_whole: bool) -> None:
        """`is_whole`: nothing is missing in front; else an account's first entry is believed."""
        self._is_whole = is_whole
        self._accounts: dict[int, _Account] = {}
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        self.breaks: list[Break] = []
        self.entries = 0
        self.unchained = 0
        """Entries from before the chain."""

    @property
    def heads(self) -> dict[int, ChainHead]:
        """Where the unbroken chains end, by workspace."""
        return {i: each.head for i, each in self._accounts.items() if not each.is_broken}

    @property
    def accounts(self) -> int:
        """How many were met."""
        return len(self._accounts)

    def see(self, stated: Stated) -> None:
        """The next entry."""
        entry = stated.entry
        self.entries += 1
        account = self._accounts.setdefault(entry.workspace_id, _Account())
        if account.is_broken or (not self._is_whole and self._is_repeat(account, stated)):
            return
        what = self._broken(account, stated)
        if what is not None:
            account.is_broken = True
            self.breaks.append(Break(entry.workspace_id, entry.entry_id, what))
            return
        account.balance_units = entry.balance_after_units
        account.head = ChainHead(entry.entry_id, stated.entry_hash or None)
        if not stated.entry_hash:
            self.unchained += 1
        if not self._is_whole:
            self._recent[entry.entry_id] = stated.entry_hash
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    def refuse(self, workspace_id: int, entry_id: int, what: str) -> None:
        """An entry that is broken for a reason that its account's chain does not show."""
        account = self._accounts.setdefault(workspace_id, _Account())
        if not account.is_broken:
            account.is_broken = True
            self.breaks.append(Break(workspace_id, entry_id, what))

    def _is_repeat(self, account: _Account, stated: Stated) -> bool:
        known = self._recent.get(stated.entry.entry_id)
        return (
            stated.entry.entry_id <= account.head.entry_id
            and known == stated.entry_hash
            and (not known or entry_hash(stated.prev_hash, stated.entry) == known)
        )

    def _broken(self, account: _Account, stated: Stated) -> str | None:
        entry, head = stated.entry, account.head
        if entry.entry_id <= head.entry_id:
            return f"it comes after entry {head.entry_id}, or is not what it was before"
        if not stated.entry_hash:
            return None if head.entry_hash is None else "it has no hash"
        before = entry.balance_after_units - entry.amount_units
        is_first = account.balance_units is None
        if head.entry_hash is not None or self._is_whole:
            expected = prev_hash(head, entry.workspace_id, 0 if is_first else before)
            if stated.prev_hash != expected:
                return f"prev_hash: what was before it, after entry {head.entry_id}, is not there"
        if not is_first and account.balance_units != before:
            return f"balance: entry {head.entry_id} left {account.balance_units}, not {before}"
        if entry_hash(stated.prev_hash, entry) != stated.entry_hash:
            return "hash: it does not say what it said when it was hashed"
        return None
