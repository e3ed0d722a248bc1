"""`log_refused` is written here, and the horizons are read. The caller owns the transaction."""

from collections.abc import Mapping
from typing import Final

from services.logging.ingest.refusing import Refused
from shared.postgres.retrying import Connection

_HORIZONS: Final = "SELECT workspace_id, refuse_before FROM log_workspace_horizons"
_ADD: Final = """
INSERT INTO log_refused AS kept (hour, workspace_id, slot, events, quota)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[])
ON CONFLICT (hour, workspace_id, slot) DO UPDATE
SET events = kept.events + EXCLUDED.events, quota = kept.quota + EXCLUDED.quota
"""


async def workspace_horizons(connection: Connection) -> dict[int, int]:
    """Of the workspaces that have one of their own."""
    return {row[0]: row[1] for row in await connection.fetch(_HORIZONS)}


async def add_refused(
    connection: Connection, by_slot: Mapping[int, Mapping[tuple[int, int], Refused]]
) -> None:
    """Count what was refused, by slot, hour and workspace."""
    rows = sorted(
        (*place, slot, *refused)
        for slot, places in by_slot.items()
        for place, refused in places.items()
    )
    if rows:
        await connection.execute(_ADD, *zip(*rows, strict=True))
