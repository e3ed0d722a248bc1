"""`python -P -m operations.seed_logs --rows 10000000 --days 60`: fills `logs` with made rows.

Users, keys, models and hours are skewed as in life; all of it goes the way of real events, through
the writing of `logging` itself. For a database whose tables are up to date and that holds nothing
that matters: rows can be deleted, what they add to usage stays.
"""

import argparse
import asyncio
import os
import sys
import time

import asyncpg

from operations.seed_logs.history import History
from operations.seed_logs.writing import Seeded, seed
from shared.postgres.failures import describe_error


def main(arguments: list[str]) -> int:
    """The command; answers its exit code: 2 where the database could not be written."""
    asked = _parser().parse_args(arguments)
    if not asked.postgres_dsn:
        print("--postgres-dsn is needed, or its variable", file=sys.stderr)
        return 2
    history = History(
        rows=asked.rows, days=asked.days, until=asked.until or int(time.time()), seed=asked.seed
    )
    try:
        seeded = asyncio.run(seed(asked.postgres_dsn, history, report=_report))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"\nPostgreSQL could not be written: {describe_error(error)}", file=sys.stderr)
        return 2
    print(
        f"\n{seeded.events:,} events in {seeded.took_s:.0f} s; --until {history.until} repeats it"
    )
    return 0


def _report(so_far: Seeded) -> None:
    rate = so_far.events / so_far.took_s
    print(f"\r{so_far.events:,} events, {rate:,.0f} a second", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.seed_logs", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="requests; 10,000,000")
    parser.add_argument("--days", type=int, default=60, help="over how many days; 60")
    parser.add_argument("--until", type=int, metavar="T", help="their end (Unix seconds); now")
    parser.add_argument("--seed", type=int, default=1, help="another one draws other requests")
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_POSTGRES_DSN"),
        help="address of the database for the role `logging` (LEDGERLINE_POSTGRES_DSN)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
