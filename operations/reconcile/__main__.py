"""`python -P -m operations.reconcile`: does everybody say the same about every request and cent?

Exit code 0: yes. 1: no, and the gaps are printed. 2: a party could not be asked.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from datetime import UTC, datetime

import asyncpg

from operations.reconcile.gaps import Findings
from operations.reconcile.hourly.printing import as_csv, as_text
from operations.reconcile.hourly.report import Asked, report
from operations.reconcile.hourly.rows import Report
from operations.reconcile.reconciling import Wish, reconcile
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.postgres.failures import describe_error

_CONNECT_TIMEOUT_S = 10.0


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    asked = _parser().parse_args(arguments)
    for value, name in ((asked.kafka, "--kafka"), (asked.postgres_dsn, "--postgres-dsn")):
        if not value:
            print(f"{name} is needed, or its variable", file=sys.stderr)
            return 2
    # Its warnings would stand between the lines of the answer, which says the same.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        answer = asyncio.run(_answer(asked))
    except SpanUnavailableError as error:
        print(f"Kafka could not be read: {error}", file=sys.stderr)
        return 2
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"PostgreSQL could not be read: {describe_error(error)}", file=sys.stderr)
        return 2
    print(_printed(answer, "json" if asked.json else asked.format))
    return 0 if answer.is_clean else 1


async def _answer(asked: argparse.Namespace) -> Findings | Report:
    connection = await asyncpg.connect(
        asked.postgres_dsn,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={"application_name": "reconcile"},
    )
    try:
        async with SpanReader(bootstrap=asked.kafka, client_id="reconcile") as reader:
            if asked.report:
                hourly = Asked(
                    hours=asked.hours, workspace_id=asked.workspace, settle_s=asked.settle_s
                )
                return await report(reader=reader, connection=connection, asked=hourly)
            wish = Wish(since=asked.since, settle_s=asked.settle_s, all_chains=asked.chains)
            return await reconcile(reader=reader, connection=connection, wish=wish)
    finally:
        await connection.close()


def _printed(answer: Findings | Report, form: str) -> str:
    if form == "json":
        return json.dumps(answer.as_json(), indent=2, ensure_ascii=False)
    if isinstance(answer, Findings):
        return "\n".join(answer.as_text())
    return as_csv(answer).rstrip("\n") if form == "csv" else "\n".join(as_text(answer))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.reconcile", description=__doc__)
    parser.add_argument(
        "--kafka",
        default=os.environ.get("LEDGERLINE_KAFKA_BOOTSTRAP"),
        help="host:port of Kafka (LEDGERLINE_KAFKA_BOOTSTRAP)",
    )
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_RECONCILE_DSN"),
        help="address of the database for the role `reconcile` (LEDGERLINE_RECONCILE_DSN)",
    )
    parser.add_argument(
        "--since",
        type=_time,
        help="leave out requests that completed earlier: Unix seconds or ISO 8601 (UTC)",
    )
    parser.add_argument(
        "--settle-s",
        type=float,
        default=10.0,
        help="how long to wait for the consumers to catch up (default 10)",
    )
    parser.add_argument(
        "--chains", action="store_true", help="follow the whole chain of every account"
    )
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    hourly = parser.add_argument_group("by hour and workspace")
    hourly.add_argument("--report", action="store_true", help="a report instead of the checks")
    hourly.add_argument(
        "--hours", type=int, default=24, metavar="N", help="so many whole hours back (default 24)"
    )
    hourly.add_argument("--workspace", type=int, metavar="ID", help="this one only")
    hourly.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="of the report"
    )
    return parser


def _time(text: str) -> datetime:
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
