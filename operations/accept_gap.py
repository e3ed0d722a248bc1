"""Let a partition that halted over lost offsets go on: `python -P -m operations.accept_gap`.

Say so only after docs/runbooks/halted-partition.md: what the log lost is then passed over for good.
"""

import argparse
import asyncio
import os
import sys

import asyncpg

from shared.kafka.gaps import accept_gap
from shared.postgres.failures import describe_error

_CONNECT_TIMEOUT_S = 10.0


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    asked = _parser().parse_args(arguments)
    if not asked.postgres_dsn:
        print("--postgres-dsn is needed, or its variable", file=sys.stderr)
        return 2
    try:
        asyncio.run(_accept(asked.postgres_dsn, asked.group, asked.topic, asked.partition))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"not accepted: {describe_error(error)}", file=sys.stderr)
        return 1
    print(f"{asked.group} may pass over what {asked.topic}/{asked.partition} lost, once")
    return 0


async def _accept(dsn: str, group: str, topic: str, partition: int) -> None:
    connection = await asyncpg.connect(
        dsn, timeout=_CONNECT_TIMEOUT_S, server_settings={"application_name": "accept-gap"}
    )
    try:
        await accept_gap(connection, group, topic, partition)
    finally:
        await connection.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m operations.accept_gap", description=__doc__)
    parser.add_argument("group", help="the consumer group, which is the service's name")
    parser.add_argument("topic")
    parser.add_argument("partition", type=int)
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_POSTGRES_DSN"),
        help="address of the database for the service's own role (LEDGERLINE_POSTGRES_DSN)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
