"""Which entries of a ledger are asked for. Pure: one condition, whatever is left out."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.events.ledger import EntryKind
from shared.events.numbers import MAX_ID

_CURSOR_BYTES: Final = 8
MATCHES: Final = """
workspace_id = $1 AND entry_id < $2
AND ($3::text IS NULL OR kind = $3)
AND ($4::timestamptz IS NULL OR posted_at >= $4)
AND ($5::timestamptz IS NULL OR posted_at < $5)
AND ($6::bigint IS NULL OR key_id = $6)
AND ($7::text IS NULL OR model = $7)
"""
"""With `EntryFilter.values`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """One account's entries; None: any."""

    workspace_id: int
    before_entry_id: int = MAX_ID
    kind: EntryKind | None = None
    posted_from: datetime | None = None
    posted_until: datetime | None = None
    """Without that moment itself."""
    key_id: int | None = None
    model: str | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """Of the parameters of MATCHES."""
        return (
            self.workspace_id,
            self.before_entry_id,
            None if self.kind is None else self.kind.value,
            self.posted_from,
            self.posted_until,
            self.key_id,
            self.model,
        )


def cursor_of(entry_id: int) -> str:
    """Where the next page begins: after this entry. Callers only hand it back."""
    return base64.urlsafe_b64encode(entry_id.to_bytes(_CURSOR_BYTES)).decode().rstrip("=")


def entry_of(cursor: str) -> int:
    """The entry of a cursor. Raises ValueError for what is none."""
    try:
        raw = base64.b64decode(cursor + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not a cursor") from None
    entry_id = int.from_bytes(raw)
    if len(raw) != _CURSOR_BYTES or not 1 <= entry_id <= MAX_ID:
        raise ValueError("not a cursor")
    return entry_id
