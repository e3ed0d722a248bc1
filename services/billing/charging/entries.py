"""A batch of charges as ledger entries, each behind its account's last. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from services.billing.charging.chargeable import Charge
from services.billing.charging.sums import KeyRemain, cause_of
from shared.events.ledger import EntryKind
from shared.money.chain import ChainedEntry, detail_hash, entry_hash

_CHARGE: Final = EntryKind.CHARGE.value


class ChainedCharge(NamedTuple):
    """A charge with its number, what it leaves behind, and its place in the chain."""

    charge: Charge
    entry_id: int
    balance_after_units: int
    key_remain: KeyRemain | None
    """What its key may still spend; None: the key has no limit."""
    rating_key: bytes
    detail_hash: bytes
    prev_hash: bytes
    entry_hash: bytes


def chain(
    prev_hashes: dict[int, bytes],
    numbered: Iterable[tuple[Charge, int, int, KeyRemain | None]],
    rating_keys: Mapping[bytes, bytes],
) -> list[ChainedCharge]:
    """The entries, in order. `prev_hashes`, by workspace, move to the last of them.

    `numbered` are charges with what the entry says of its id, balance and key.
    """
    entries = []
    for charge, entry_id, balance_after, remain in numbered:
        rating_key = rating_keys[charge.rating]
        hashed = detail_hash(rating_key, charge.detail)
        # By position: it runs for every charge.
        entry = ChainedEntry(
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
            hashed.hex(),
        )
        prev = prev_hashes[charge.workspace_id]
        own = prev_hashes[charge.workspace_id] = entry_hash(prev, entry)
        entries.append(
            ChainedCharge(charge, entry_id, balance_after, remain, rating_key, hashed, prev, own)
        )
    return entries
