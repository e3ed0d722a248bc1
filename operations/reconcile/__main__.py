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
    wish = Wish(since=asked.since, settle_s=asked.settle_s)
    try:
        findings = asyncio.run(_reconcile(asked.kafka, asked.postgres_dsn, wish))
    except SpanUnavailableError as error:
        print(f"Kafka could not be read: {error}", file=sys.stderr)
        return 2
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"PostgreSQL could not be read: {describe_error(error)}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(findings.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(findings.as_text()))
    return 0 if findings.is_clean else 1


async def _reconcile(bootstrap: str, dsn: str, wish: Wish) -> Findings:
    connection = await asyncpg.connect(
        dsn,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={"application_name": "reconcile"},
    )
    try:
        async with SpanReader(bootstrap=bootstrap, client_id="reconcile") as reader:
            return await reconcile(reader=reader, connection=connection, wish=wish)
    finally:
        await connection.close()


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
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    return parser


def _time(text: str) -> datetime:
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
