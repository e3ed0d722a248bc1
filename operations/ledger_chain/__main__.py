"""`python -P -m operations.ledger_chain table|topic`: does the ledger say what it said when posted?

Exit code 0: yes. 1: no, and the first broken entry of each account is named. 2: could not be asked.
"""

import argparse
import asyncio
import json
import logging
import os
import sys

import asyncpg

from operations.ledger_chain.checking import ChainCheck
from operations.ledger_chain.table import check_table, table_hashes
from operations.ledger_chain.topic import check_topic
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.postgres.failures import describe_error

_CONNECT_TIMEOUT_S = 10.0


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    asked = _parser().parse_args(arguments)
    is_topic = asked.source == "topic"
    if is_topic and not asked.kafka:
        print("--kafka is needed, or its variable", file=sys.stderr)
        return 2
    if not asked.postgres_dsn and (not is_topic or asked.against_table):
        print("--postgres-dsn is needed, or its variable", file=sys.stderr)
        return 2
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        check, others = asyncio.run(_topic(asked) if is_topic else _table(asked))
    except SpanUnavailableError as error:
        print(f"Kafka could not be read: {error}", file=sys.stderr)
        return 2
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"PostgreSQL could not be read: {describe_error(error)}", file=sys.stderr)
        return 2
    _tell(check, others, as_json=asked.json)
    return 1 if check.breaks or others else 0


async def _table(asked: argparse.Namespace) -> tuple[ChainCheck, list[str]]:
    connection = await _connect(asked.postgres_dsn)
    try:
        return await check_table(connection, asked.workspace), []
    finally:
        await connection.close()


async def _topic(asked: argparse.Namespace) -> tuple[ChainCheck, list[str]]:
    async with SpanReader(bootstrap=asked.kafka, client_id="ledger-chain") as reader:
        check, unreadable = await check_topic(reader, asked.workspace)
    if asked.against_table:
        connection = await _connect(asked.postgres_dsn)
        try:
            kept = await table_hashes(connection, check.heads)
        finally:
            await connection.close()
        for workspace_id, head in check.heads.items():
            if kept.get(head.entry_id, b"") != head.entry_hash:
                check.refuse(workspace_id, head.entry_id, "table: it has another there, or none")
    return check, unreadable


async def _connect(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn, timeout=_CONNECT_TIMEOUT_S, server_settings={"application_name": "ledger_chain"}
    )


def _tell(check: ChainCheck, others: list[str], *, as_json: bool) -> None:
    if as_json:
        answer = {
            "entries": check.entries,
            "accounts": check.accounts,
            "unchained": check.unchained,
            "breaks": [each._asdict() for each in check.breaks],
            "unreadable": others,
        }
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for line in (*map(str, check.breaks), *others):
        print(line)
    print(
        f"{check.entries} entries of {check.accounts} accounts, {check.unchained} of them from"
        f" before the chain: {len(check.breaks)} chains are broken"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -P -m operations.ledger_chain", description=__doc__
    )
    parser.add_argument("source", choices=["table", "topic"], help="what is verified")
    parser.add_argument("--workspace", type=int, help="one account only")
    parser.add_argument(
        "--against-table",
        action="store_true",
        help="of the topic: the table must have each account's last entry as the topic has it",
    )
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
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
