"""What the two sources have in common: charges of a period by chunks, from any place on."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol

from services.billing.what_if.store_charges import OldCharge


class CannotBeSaidError(Exception):
    """It cannot be said what the period would have cost. The message says why."""


class Told(NamedTuple):
    """A charge. `request_key` tells repeats apart; None: the source has none."""

    request_key: bytes | None
    charge: OldCharge


class Chunk(NamedTuple):
    """The next charges, and where those begin that follow."""

    told: list[Told]
    position: Any
    """As JSON can have it."""
    looked_at: int
    """Entries, or records of all kinds and times."""
    unreadable: int = 0


class Source(Protocol):
    """Billing's own entries, or the topic that they are made of."""

    async def stretch(self) -> dict[str, Any]:
        """What there is to read now, as JSON; `total` is how much. Asked once for a run."""

    def chunks(self, stretch: dict[str, Any], position: Any, *, size: int) -> AsyncIterator[Chunk]:
        """What is left of the stretch behind a chunk's position; None: all of it.

        Raises CannotBeSaidError where it is no longer there.
        """
