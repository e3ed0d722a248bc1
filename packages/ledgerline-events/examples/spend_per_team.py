"""What each team has spent, from the topics alone, and to the unit what the ledger says.

The ledger knows what was charged and given back; which team a request was for, its tags say (the
client sent `X-Ledgerline-Tags: team=search`). A request without that tag is its project's, or else
its workspace's. Both topics are read from a time on, each event counts once however often it comes,
and they may come in any order: the two are joined when the report is made.

    python spend_per_team.py --bootstrap 127.0.0.1:19092 --database spend.db \
        --since 2026-11-01T00:00:00Z
"""

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime

from ledgerline_events import (
    BILLING_LEDGER,
    RELAY_REQUESTS,
    Event,
    LedgerEntryPosted,
    Replay,
    RequestCompleted,
    SqliteSeen,
)

QUOTA_PER_DOLLAR = 500_000
TABLES = """
CREATE TABLE IF NOT EXISTS teams (
    request_id TEXT PRIMARY KEY, workspace_id INTEGER NOT NULL, team TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS spent (
    request_id TEXT NOT NULL, workspace_id INTEGER NOT NULL, project_id INTEGER,
    quota_units INTEGER NOT NULL, spent_at TEXT NOT NULL
);
"""
REPORT = """
SELECT s.workspace_id,
       coalesce(t.team, 'project ' || s.project_id, 'workspace ' || s.workspace_id) AS team,
       count(DISTINCT s.request_id) AS requests, sum(s.quota_units) AS quota_units
FROM spent s LEFT JOIN teams t USING (request_id)
WHERE s.spent_at >= ? GROUP BY 1, 2 ORDER BY 1, 4 DESC, 2
"""


def count(database: sqlite3.Connection, seen: SqliteSeen, events: Iterable[Event]) -> None:
    """Note what is new of them, all in one transaction."""
    with database:  # commits, or rolls back
        for event in events:
            if not seen.is_new(event):
                continue  # delivered before
            match event.data:
                case RequestCompleted() as request if team := request.tags.get("team"):
                    key = (request.request_id, request.workspace_id, team)
                    database.execute("INSERT INTO teams VALUES (?, ?, ?)", key)
                case LedgerEntryPosted() as entry if request_id := of_request(entry):
                    # A charge takes from the balance: what was spent is the opposite.
                    row = (request_id, entry.workspace_id, entry.project_id, -entry.amount_units)
                    spent_at = (entry.bucket_at or entry.posted_at).astimezone(UTC).isoformat()
                    database.execute("INSERT INTO spent VALUES (?, ?, ?, ?, ?)", (*row, spent_at))


def of_request(entry: LedgerEntryPosted) -> str | None:
    """The request whose cost this is: of a charge, and of a refund or an adjustment of one."""
    if entry.kind == "charge":
        return entry.request_id
    return entry.refers_to_request_id if entry.refers_to_entry_id is not None else None


async def bring_up_to_date(
    database: sqlite3.Connection, *, bootstrap: str, since: datetime | None
) -> None:
    """Read both topics to their ends. May be repeated at any time, and stopped in between."""
    database.executescript(TABLES)
    seen = SqliteSeen(database)
    replay = Replay([RELAY_REQUESTS, BILLING_LEDGER], bootstrap=bootstrap, since=since)
    async for events in replay.batches():
        count(database, seen, events)


def main() -> None:
    """Run it from the command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--bootstrap", default="127.0.0.1:19092")
    options.add_argument("--database", default="spend.db")
    options.add_argument(
        "--since", type=datetime.fromisoformat, help="such as 2026-11-01T00:00:00Z"
    )
    told = options.parse_args()
    with closing(sqlite3.connect(told.database)) as database:
        asyncio.run(bring_up_to_date(database, bootstrap=told.bootstrap, since=told.since))
        since = told.since.astimezone(UTC).isoformat() if told.since else ""
        for workspace_id, team, requests, quota_units in database.execute(REPORT, (since,)):
            dollars = quota_units / QUOTA_PER_DOLLAR
            sys.stdout.write(f"{workspace_id}\t{team}\t{requests}\t{quota_units}\t${dollars:.6f}\n")


if __name__ == "__main__":
    main()
