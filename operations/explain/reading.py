"""What the tables say of one request, read with the role that only reads."""

from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg

from services.logging.listing.explaining import explain
from services.logging.listing.store_explain import BY_OUR_ID, BY_UPSTREAM_ID
from services.logging.listing.store_pages import COLUMNS
from shared.events.ids import event_uuid

_ROW: Final = f"SELECT {COLUMNS} FROM logging.logs WHERE "
_CHARGE: Final = """
SELECT entry_id, workspace_id, key_id, user_id, model, amount_units,
    balance_after_units - amount_units AS balance_before_units, balance_after_units, excess_units,
    floor(extract(epoch FROM posted_at))::bigint AS posted_at
FROM billing.ledger_entries WHERE cause = 'request:' || $1::text
"""
_LEASES: Final = """
SELECT lease_id, relay_id, granted_total, used_total, charged_total, is_open
FROM billing.leases WHERE lease_id = ANY($1::text[]) ORDER BY lease_id
"""
Told: TypeAlias = dict[str, Any]
"""As it is written in JSON."""


class Explanation(NamedTuple):
    """What each party says. None: it says nothing."""

    request_id: str
    request: Told | None
    """From its log row; see `services.logging.listing.explaining`."""
    entry: Told | None
    """The ledger entry of its charge."""
    leases: list[Told]
    """As they stand now, and not as they stood then."""


async def read_explanation(connection: asyncpg.Connection, asked: str) -> Explanation | None:
    """A request by our id or its upstream's; None where no party knows it. Changes nothing."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_ROW + BY_OUR_ID, event_uuid(asked), asked)
        if not rows:
            rows = await connection.fetch(_ROW + BY_UPSTREAM_ID, asked)
        request = None
        if rows:
            request = explain(dict(rows[0]), others=[row["request_id"] for row in rows[1:]])
        request_id = asked if request is None else request["request_id"]
        entry = await connection.fetchrow(_CHARGE, request_id)
        if request is None and entry is None:
            return None
        held_by = [lease["lease_id"] for lease in request["hold"]["leases"]] if request else []
        leases = await connection.fetch(_LEASES, held_by)
    return Explanation(
        request_id, request, None if entry is None else dict(entry), [dict(row) for row in leases]
    )
