"""The charges of billing's ledger, read as billing's own runs read them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg

from operations.what_if.source import CannotBeSaidError, Chunk, Told
from services.billing.what_if.store_charges import ChargesOf, is_settled, read_charges, stretch_of

_SETTLES_WITHIN_S: Final = 120.0
_LOOK_S: Final = 0.1


class Entries:
    """A Source. Each chunk is a transaction of its own: no snapshot is held for long."""

    def __init__(self, connection: asyncpg.Connection, of: ChargesOf) -> None:
        self._connection = connection
        self._of = of

    async def stretch(self) -> dict[str, Any]:
        """The entries that there are now."""
        async with self._connection.transaction(readonly=True):
            found = await stretch_of(self._connection, self._of)
        return {
            "first_entry_id": found.first_entry_id,
            "last_entry_id": found.last_entry_id,
            "total": found.entries,
            "settled_by": found.settled_by,
        }

    async def chunks(
        self, stretch: dict[str, Any], position: Any, *, size: int
    ) -> AsyncIterator[Chunk]:
        """In order of their ids; a position is an id."""
        await self._until_settled(stretch["settled_by"])
        first = stretch["first_entry_id"] if position is None else position
        is_last = False
        while not is_last:
            async with self._connection.transaction(readonly=True):
                charges = await read_charges(
                    self._connection,
                    self._of,
                    first_entry_id=first,
                    last_entry_id=stretch["last_entry_id"],
                    limit=size,
                )
            is_last = len(charges) < size
            if charges:
                first = charges[-1].entry_id + 1
                yield Chunk([Told(None, charge) for charge in charges], first, len(charges))

    async def _until_settled(self, settled_by: str) -> None:
        deadline = asyncio.get_running_loop().time() + _SETTLES_WITHIN_S
        while not await is_settled(self._connection, settled_by):
            if asyncio.get_running_loop().time() > deadline:
                raise CannotBeSaidError(
                    "a transaction that began before this does not end: its entries may be missing"
                )
            await asyncio.sleep(_LOOK_S)
