"""Go on without what is lost: `python -P -m operations.accept_gap`.

    accept_gap GROUP TOPIC PARTITION   a partition that halted over lost offsets goes on behind them
    accept_gap --relay ID              figures need not wait for a relay whose journal is lost

Say so only after docs/runbooks/halted-partition.md, or freshness.md: what was lost is then passed
over for good.
"""

import argparse
import asyncio
import logging
import os
import sys
from typing import Final

import asyncpg

from operations.lost_relay import NotClosedError, close_lost_relay
from shared.kafka.errors import SendError
from shared.kafka.gaps import accept_gap
from shared.kafka.spans import SpanUnavailableError
from shared.postgres.failures import describe_error
from shared.service.clock import utc_now

_CONNECT_TIMEOUT_S: Final = 10.0
_FAILED: Final = 1
_MISUSED: Final = 2


def main(arguments: list[str]) -> int:
    """The command; answers its exit code."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if (asked.relay is None) == (asked.group is None) or (asked.group and asked.partition is None):
        parser.error("name a group, a topic and a partition, or a relay")
    address = "postgres_dsn" if asked.relay is None else "kafka"
    if not getattr(asked, address):
        print(f"--{address.replace('_', '-')} is needed, or its variable", file=sys.stderr)
        return _MISUSED
    return _partition(asked) if asked.relay is None else _relay(asked)


def _partition(asked: argparse.Namespace) -> int:
    try:
        asyncio.run(_accept(asked.postgres_dsn, asked.group, asked.topic, asked.partition))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"not accepted: {describe_error(error)}", file=sys.stderr)
        return _FAILED
    print(f"{asked.group} may pass over what {asked.topic}/{asked.partition} lost, once")
    return 0


def _relay(asked: argparse.Namespace) -> int:
    # Its warnings would stand between the lines of the answer, which says the same.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        closed = asyncio.run(close_lost_relay(asked.kafka, asked.relay, now=utc_now()))
    except NotClosedError as error:
        print(f"not closed: {error}", file=sys.stderr)
        return _FAILED
    except (SpanUnavailableError, SendError) as error:
        print(f"not closed: Kafka: {error}", file=sys.stderr)
        return _FAILED
    if closed.is_new:
        until = closed.mark.published_until.isoformat()
        print(
            f"relay {asked.relay} is closed. It published {closed.mark.published_count}, all that"
            f" ended before {until}; what it had not published is passed over"
        )
    else:
        print(f"relay {asked.relay} was closed already, at {closed.mark.marked_at.isoformat()}")
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
    parser = argparse.ArgumentParser(
        prog="python -P -m operations.accept_gap",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("group", nargs="?", help="the consumer group, which is the service's name")
    parser.add_argument("topic", nargs="?")
    parser.add_argument("partition", nargs="?", type=int)
    parser.add_argument("--relay", metavar="ID", help="as `held_back_by` names it")
    parser.add_argument(
        "--postgres-dsn",
        default=os.environ.get("LEDGERLINE_POSTGRES_DSN"),
        help="address of the database for the service's own role (LEDGERLINE_POSTGRES_DSN)",
    )
    parser.add_argument(
        "--kafka",
        default=os.environ.get("LEDGERLINE_KAFKA_BOOTSTRAP"),
        help="host:port of Kafka, for --relay (LEDGERLINE_KAFKA_BOOTSTRAP)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
