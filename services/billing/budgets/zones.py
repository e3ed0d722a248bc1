"""Keeping budgets in their workspaces' time zones: a new one holds from the next period on."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from services.billing.budgets.store_budgets import lock_budgets
from services.billing.budgets.store_settings import set_next_timezone
from shared.postgres.retrying import Connection, in_transaction

UTC_NAME: Final = "UTC"
_ZONES: Final = """
SELECT DISTINCT workspace_id, coalesce(next_timezone, timezone) AS zone
FROM budgets WHERE deleted_at IS NULL
"""


def known_zone(name: str) -> str | None:
    """The name, where our edition of the time zones has it."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
    return name


async def follow_zones(pool: asyncpg.Pool, zone_of: Callable[[int], str | None]) -> None:
    """Note new zones of workspaces that have budgets. Repeatable.

    `zone_of` answers None where it does not know: those stay as they are.
    """
    differing: dict[int, str] = {}
    for row in await pool.fetch(_ZONES):
        zone = known_zone(zone_of(row["workspace_id"]) or "")
        if zone is not None and zone != row["zone"]:
            differing[row["workspace_id"]] = zone
    if differing:
        await in_transaction(pool, partial(_set, zones=differing), idempotent=True)


async def _set(connection: Connection, zones: Mapping[int, str]) -> None:
    rows = await lock_budgets(connection, workspace_ids=zones)
    for workspace_id, zone in sorted(zones.items()):
        ids = [row.id for row in rows.values() if row.workspace_id == workspace_id]
        await set_next_timezone(connection, ids, zone)
