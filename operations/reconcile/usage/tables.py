"""What the tables say of usage, in the one snapshot of the caller. The database adds up."""

from collections.abc import Collection
from typing import Final, NamedTuple

import asyncpg

from operations.reconcile.usage.judging import Bounds, Place, Refused, Told

MOST_NAMED: Final = 10_000
"""Differences that are looked into; more than these are only said to be there."""
# Usage is there of an hour that anything was written of, or refused. What an admin had deleted
# before there was usage has neither, and lies before the horizon.
_COMPARED: Final = """
WITH state AS (
    SELECT refuse_before, usage_hourly_from FROM logging.log_state
), data AS (
    SELECT created_at AS hour, user_id, model_name AS model, sum(quota)::bigint AS units
    FROM billing.quota_data WHERE created_at >= $2 GROUP BY 1, 2, 3
), used AS (
    SELECT hour, user_id, model, sum(quota - returned_quota)::bigint AS units,
           sum(request_count) AS requests
    FROM logging.usage_hourly WHERE hour >= $2 GROUP BY 1, 2, 3
), kept AS (
    SELECT bucket AS hour FROM logging.log_checks UNION SELECT hour FROM logging.log_refused
    UNION SELECT hour FROM used WHERE requests > 0
), compared AS (
    SELECT hour, user_id, model, coalesce(data.units, 0) AS data,
           coalesce(used.units, 0) AS used,
           CASE WHEN hour < usage_hourly_from THEN 'ended'
                WHEN EXISTS (SELECT FROM logging.log_dirty_hours WHERE bucket = hour) THEN 'dirty'
                WHEN hour < refuse_before AND hour NOT IN (SELECT hour FROM kept) THEN 'before'
                ELSE 'kept' END AS standing
    FROM data FULL JOIN used USING (hour, user_id, model) CROSS JOIN state
)
SELECT standing, count(*) AS places, count(DISTINCT hour) AS hours, NULL::bigint AS hour,
       NULL::bigint AS user_id, NULL AS model, NULL::bigint AS data, NULL::bigint AS used
FROM compared GROUP BY standing
UNION ALL
(SELECT NULL, NULL, NULL, hour, user_id, model, data, used FROM compared
 WHERE standing = 'kept' AND data <> used ORDER BY hour, user_id, model LIMIT $1)
"""
# Slots below 10,000 are of relay.requests, those up to 20,000 of billing.ledger.
_REFUSED_REQUESTS: Final = """
SELECT refused.hour, coalesce(user_id, 0) AS user_id, coalesce(model, '') AS model,
       refused.workspace_id, refused.units, -sum(amount_units)::bigint AS charged
FROM (
    SELECT hour, workspace_id, sum(quota)::bigint AS units FROM logging.log_refused
    WHERE slot BETWEEN 0 AND 9999 AND hour = ANY($1::bigint[]) GROUP BY 1, 2
) AS refused
JOIN billing.ledger_entries AS entry
    ON entry.workspace_id = refused.workspace_id AND kind = 'charge'
   AND posted_at >= to_timestamp(hour) AND posted_at < to_timestamp(hour + 3600)
GROUP BY 1, 2, 3, 4, 5
"""
# An entry is refused by the time at which it was posted, and is missed where its charge counts.
_REFUSED_ENTRIES: Final = """
SELECT floor(extract(epoch FROM coalesce(bucket_at, posted_at)) / 3600)::bigint * 3600 AS hour,
       coalesce(user_id, 0) AS user_id, coalesce(model, '') AS model,
       sum(greatest(0, -amount_units))::bigint AS added,
       sum(greatest(0, amount_units))::bigint AS returned
FROM (
    SELECT DISTINCT hour AS posted_hour, workspace_id FROM logging.log_refused
    WHERE slot BETWEEN 10000 AND 19999
) AS refused
JOIN billing.ledger_entries AS entry
    ON entry.workspace_id = refused.workspace_id AND refers_to_entry_id IS NOT NULL
   AND posted_at >= to_timestamp(posted_hour) AND posted_at < to_timestamp(posted_hour + 3600)
GROUP BY 1, 2, 3
"""
_LEFT_OUT: Final = {
    "ended": "is no longer kept by the hour",
    "dirty": "waits to be rebuilt",
    "before": "was not kept yet, when their rows were deleted",
}


class Compared(NamedTuple):
    """What was compared, where it differs, and what was left out."""

    looked_at: int
    differing: dict[Place, Told]
    """The first MOST_NAMED."""
    notes: list[str]


async def compared(connection: asyncpg.Connection, *, since: int) -> Compared:
    """Usage beside `quota_data`, by user, model and hour, from `since` on (Unix seconds)."""
    looked_at, differing, notes = 0, {}, []
    for row in await connection.fetch(_COMPARED, MOST_NAMED, since):
        if row["standing"] is None:
            place = Place(row["hour"], row["user_id"], row["model"])
            differing[place] = Told(row["data"], row["used"])
        elif row["standing"] == "kept":
            looked_at = row["places"]
        else:
            why = _LEFT_OUT[row["standing"]]
            notes.append(f"usage of {row['hours']} hours not compared: it {why}")
    if len(differing) == MOST_NAMED:
        notes.append(f"of the usage that differs only the first {MOST_NAMED:,} were looked into")
    return Compared(looked_at, differing, notes)


async def refused(connection: asyncpg.Connection, places: Collection[Place]) -> Refused:
    """What these may lack because it came too late."""
    hours = sorted({place.hour for place in places})
    below: dict[Place, int] = {}
    above: dict[Place, int] = {}
    of_hours: dict[int, dict[int, int]] = {}
    for row in await connection.fetch(_REFUSED_REQUESTS, hours):
        place = Place(row["hour"], row["user_id"], row["model"])
        below[place] = below.get(place, 0) + min(row["units"], row["charged"])
        of_hours.setdefault(place.hour, {})[row["workspace_id"]] = row["units"]
    sums = {hour: sum(units.values()) for hour, units in of_hours.items()}
    for row in await connection.fetch(_REFUSED_ENTRIES):
        place = Place(row["hour"], row["user_id"], row["model"])
        below[place] = below.get(place, 0) + row["added"]
        above[place] = row["returned"]
        sums[place.hour] = sums.get(place.hour, 0) + row["added"]
    bounds = {
        place: Bounds(below.get(place, 0), above.get(place, 0))
        for place in below.keys() | above.keys()
    }
    return Refused(bounds, sums)
