"""The chain of an account's ledger entries: what is hashed, for ever. Pure.

    entry_hash   SHA-256 of the hash before (32 bytes) and the entry's text, see `entry_text`
    the first    follows `genesis`: the account's balance and last entry when its chain began
    detail_hash  SHA-256 of the rating's key and the bytes of the detail, as hex; empty: neither

Lengths stand before texts, so that no two entries have one text. Whoever keeps an account's last
hash can tell whether what it is shown later is the ledger that it saw.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class ChainedEntry(NamedTuple):
    """What of an entry is hashed."""

    entry_id: int
    workspace_id: int
    kind: str
    cause: str
    amount_units: int
    balance_after_units: int
    excess_units: int
    exposure_units: int
    key_id: int | None
    user_id: int | None
    actor_user_id: int | None
    refers_to_entry_id: int | None
    posted_at_us: int
    """Unix microseconds."""
    bucket_at_us: int | None
    model: str
    """Empty where there is none."""
    actor_name: str
    note: str
    detail_hash: str


class ChainHead(NamedTuple):
    """Where an account's chain stands."""

    entry_id: int = 0
    """The account's last entry; 0: it has none."""
    entry_hash: bytes | None = None
    """None: its chain has not begun."""


class Link(NamedTuple):
    """What an entry says of the chain."""

    prev_hash: bytes
    entry_hash: bytes


def genesis(workspace_id: int, balance_units: int, last_entry_id: int) -> bytes:
    """What an account's first hashed entry follows: its balance and last entry until then."""
    return sha256(
        f"ledgerline.chain.v1|{workspace_id}|{balance_units}|{last_entry_id}".encode()
    ).digest()


def entry_text(entry: ChainedEntry) -> str:
    """An entry as it is hashed."""
    (
        entry_id,
        workspace_id,
        kind,
        cause,
        amount,
        balance,
        excess,
        exposure,
        key_id,
        user_id,
        actor_user_id,
        refers_to,
        posted_at_us,
        bucket_at_us,
        model,
        actor_name,
        note,
        detail_hash,
    ) = entry
    texts = cause + model + actor_name + note
    of = len if texts.isascii() else _bytes_of
    return (
        f"v1|{entry_id}|{workspace_id}|{kind}|{amount}|{balance}|{excess}|{exposure}"
        f"|{key_id or 0}|{user_id or 0}|{actor_user_id or 0}|{refers_to or 0}"
        f"|{posted_at_us}|{bucket_at_us or 0}"
        f"|{of(cause)}:{cause}|{of(model)}:{model}"
        f"|{of(actor_name)}:{actor_name}|{of(note)}:{note}|{detail_hash}"
    )


def entry_hash(prev_hash: bytes, entry: ChainedEntry) -> bytes:
    """The hash of an entry that follows `prev_hash`."""
    return sha256(prev_hash + entry_text(entry).encode()).digest()


def prev_hash(head: ChainHead, workspace_id: int, balance_units: int) -> bytes:
    """What an account's next entry follows; the balance is the one before it."""
    if head.entry_hash is not None:
        return head.entry_hash
    return genesis(workspace_id, balance_units, head.entry_id)


def follow(head: ChainHead, entry: ChainedEntry) -> Link:
    """The entry's place behind its account's head."""
    prev = prev_hash(head, entry.workspace_id, entry.balance_after_units - entry.amount_units)
    return Link(prev, entry_hash(prev, entry))


def detail_hash(rating_key: bytes, detail: bytes) -> bytes:
    """Of what an entry was reckoned from. Both may be empty."""
    return sha256(rating_key + detail).digest()


def unix_us(at: datetime) -> int:
    """Unix microseconds, exact."""
    return (at - _EPOCH) // _MICROSECOND


def _bytes_of(text: str) -> int:
    return len(text.encode())
