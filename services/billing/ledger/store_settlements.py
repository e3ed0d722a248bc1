"""Charges that something is to be given back of, and what came back of them so far."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from services.billing.grants.consuming import Paid
from shared.events.requests import Outcome
from shared.postgres.retrying import Connection

_COLUMNS: Final = """
SELECT entry_id, workspace_id, cause, key_id, user_id, model, -amount_units AS charged_units,
    posted_at, detail
FROM ledger_entries WHERE kind = 'charge' AND
"""
_BY_CAUSE: Final = f"{_COLUMNS} cause = $1"
_BY_ID: Final = f"{_COLUMNS} entry_id = ANY($1::bigint[])"
_REQUEST: Final = "request:"
_SUCCEEDED: Final = Outcome.SUCCEEDED.value
_SETTLEMENT: Final = """
SELECT charged_units, adjusted_units, refunded_units
FROM charge_settlements WHERE charge_entry_id = $1
"""


class ChargeEntry(NamedTuple):
    """A charge, as far as others refer to it. It never changes."""

    entry_id: int
    workspace_id: int
    request_id: str
    key_id: int
    user_id: int
    model: str
    charged_units: int
    posted_at: datetime
    """Its request's `completed_at`: it decides the hour and the period."""
    username: str | None
    """None: it was charged before entries said it."""
    project_id: int | None
    provider_id: int | None
    is_success: bool = True
    """Whether its request succeeded; also where the entry does not say it."""
    sources: tuple[Paid, ...] = ()
    """What grants paid of it, in order."""


class Settlement(NamedTuple):
    """What a charge was, and what was changed about it since; in quota units."""

    charged_units: int
    adjusted_units: int = 0
    refunded_units: int = 0

    @property
    def net_units(self) -> int:
        """What it comes to now: what can still be given back."""
        return self.charged_units + self.adjusted_units - self.refunded_units


async def charge_of_request(connection: Connection, request_id: str) -> ChargeEntry | None:
    """The charge of a request."""
    row = await connection.fetchrow(_BY_CAUSE, _REQUEST + request_id)
    return None if row is None else _charge(row)


async def charges_by_id(
    connection: Connection, entry_ids: Collection[int]
) -> dict[int, ChargeEntry]:
    """Those of the entries that are charges."""
    rows = await connection.fetch(_BY_ID, list(entry_ids))
    return {row["entry_id"]: _charge(row) for row in rows}


async def settlement_of(connection: Connection, charge: ChargeEntry) -> Settlement:
    """As it is; under the account's lock it stays so."""
    row = await connection.fetchrow(_SETTLEMENT, charge.entry_id)
    return Settlement(charge.charged_units) if row is None else Settlement(*row)


def _charge(row: asyncpg.Record) -> ChargeEntry:
    detail: dict[str, Any] = orjson.loads(row["detail"]) if row["detail"] else {}
    return ChargeEntry(
        entry_id=row["entry_id"],
        workspace_id=row["workspace_id"],
        request_id=row["cause"].removeprefix(_REQUEST),
        key_id=row["key_id"],
        user_id=row["user_id"],
        model=row["model"] or "",
        charged_units=row["charged_units"],
        posted_at=row["posted_at"],
        username=detail.get("username"),
        project_id=detail.get("project_id"),
        provider_id=detail.get("provider_id"),
        is_success=detail.get("outcome", _SUCCEEDED) == _SUCCEEDED,
        sources=tuple(Paid(**part) for part in detail.get("sources", ())),
    )
