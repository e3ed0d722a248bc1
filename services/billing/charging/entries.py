"""A batch of charges as ledger entries, each behind its account's last. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.billing.charging.chargeable import Charge
from services.billing.charging.sums import KeyRemain, cause_of
from shared.events.ledger import EntryKind
from shared.money.chain import ChainedEntry, ChainHead, Link, follow

_CHARGE: Final = EntryKind.CHARGE.value


class NumberedCharge(NamedTuple):
    """A charge with its number, and what it leaves behind."""

    charge: Charge
    entry_id: int
    balance_after_units: int
    key_remain: KeyRemain | None
    """What its key may still spend; None: the key has no limit."""


class ChainedCharge(NamedTuple):
    """The same, with its place in the chain."""

    charge: Charge
    entry_id: int
    balance_after_units: int
    key_remain: KeyRemain | None
    link: Link


def chain(heads: dict[int, ChainHead], numbered: Sequence[NumberedCharge]) -> list[ChainedCharge]:
    """The entries, in order. `heads`, by workspace, move to the last of them."""
    entries = []
    for charge, entry_id, balance_after, remain in numbered:
        head = heads[charge.workspace_id]
        link = follow(head, _as_hashed(charge, entry_id, balance_after))
        heads[charge.workspace_id] = ChainHead(entry_id, link.entry_hash)
        entries.append(ChainedCharge(charge, entry_id, balance_after, remain, link))
    return entries


def _as_hashed(charge: Charge, entry_id: int, balance_after: int) -> ChainedEntry:
    # By position: it runs for every charge.
    return ChainedEntry(
        entry_id,
        charge.workspace_id,
        _CHARGE,
        cause_of(charge),
        -charge.quota_units,
        balance_after,
        charge.excess_units,
        0,  # exposure
        charge.key_id,
        charge.user_id,
        None,  # actor
        None,  # what it refers to
        charge.completed_at_us,
        None,  # bucket
        charge.model,
        "",  # actor's name
        "",  # note
        "",  # detail
    )
