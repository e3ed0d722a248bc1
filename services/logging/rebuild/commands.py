"""`python -P -m services.logging check` and `… rebuild`: are counts and usage right; make them so.

Exit codes: 0 all is right, or was rebuilt; 1 differences, or hours that could not be rebuilt whole;
2 the database could not be asked.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Final, Protocol

import asyncpg

from services.logging.partitions.spans import DAY, HOUR
from services.logging.rebuild.checking import by_day, check
from services.logging.rebuild.dirty import RECENT_S
from services.logging.rebuild.from_topic import NotAppliedError, TopicRebuilder
from services.logging.rebuild.hours import HourRebuilder
from services.logging.rebuild.rebuilt import Rebuilt
from services.logging.rebuild.store_state import first_kept
from shared.kafka.spans import SpanReader, SpanUnavailableError
from shared.postgres.failures import describe_error

COMMANDS: Final = ("check", "rebuild")
_FAILED: Final = 2


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Both, with their arguments."""
    checking = commands.add_parser("check", help="compare rows, counts and usage, hour by hour")
    rebuilding = commands.add_parser("rebuild", help="add hours up again from their rows")
    for each in (checking, rebuilding):
        each.add_argument(
            "--from",
            dest="begins_at",
            type=_time,
            required=each is rebuilding,
            help="Unix seconds or ISO 8601 (UTC); the hour that it lies in is whole"
            + ("" if each is rebuilding else " (left out: a week ago)"),
        )
        each.add_argument("--to", dest="ends_at", type=_time, help="left out: now")
        each.add_argument("--json", action="store_true", help="everything, as one JSON object")
    rebuilding.add_argument(
        "--source",
        choices=("rows", "kafka"),
        default="rows",
        help="kafka: usage alone, from the topics, also of hours whose rows are gone",
    )
    rebuilding.add_argument(
        "--include-recent",
        action="store_true",
        help="also this hour and the two before it: who writes their rows waits meanwhile",
    )


async def run_command(
    pool: asyncpg.Pool, arguments: argparse.Namespace, *, partition_hours: int, bootstrap: str
) -> int:
    """Run the one that was asked for; answers its exit code. Prints what it found or did."""
    now = int(datetime.now(UTC).timestamp())
    upper = now + 1 if arguments.ends_at is None else arguments.ends_at
    lower = max(0, upper - 7 * DAY) if arguments.begins_at is None else arguments.begins_at
    if lower >= upper:
        sys.stderr.write("--from must be before --to\n")
        return _FAILED
    try:
        if arguments.command == "check":
            return await _check(pool, lower, upper, as_json=arguments.json)
        if not arguments.include_recent:
            upper = min(upper, now - RECENT_S - now % HOUR)
        if arguments.source == "kafka":
            async with SpanReader(bootstrap=bootstrap, client_id="logging rebuild") as reader:
                from_topic = TopicRebuilder(pool, reader, partition_hours=partition_hours)
                await from_topic.read(lower, upper)
                return await _rebuild(from_topic, lower, upper, as_json=arguments.json)
        # "From the beginning on" is half a million hours, and nearly all have nothing to rebuild.
        async with pool.acquire() as connection:
            first = await first_kept(connection)
        if first is None or first > lower:
            lower = upper if first is None else min(first, upper)
            if not arguments.json:
                _print(f"nothing is kept from before {datetime.fromtimestamp(lower, UTC):%F %R}")
        rebuilder = HourRebuilder(pool, partition_hours=partition_hours)
        return await _rebuild(rebuilder, lower, upper, as_json=arguments.json)
    except (SpanUnavailableError, NotAppliedError) as error:
        sys.stderr.write(f"Kafka: {error or type(error).__name__}\n")
        return _FAILED
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        sys.stderr.write(f"PostgreSQL: {describe_error(error)}\n")
        return _FAILED


async def _check(pool: asyncpg.Pool, lower: int, upper: int, *, as_json: bool) -> int:
    found = await check(pool, lower, upper)
    _print(json.dumps(found.as_json(), indent=2) if as_json else "\n".join(found.as_text()))
    return 0 if found.is_clean else 1


class _Rebuilder(Protocol):
    async def rebuild(self, hour: int) -> Rebuilt: ...


async def _rebuild(rebuilder: _Rebuilder, lower: int, upper: int, *, as_json: bool) -> int:
    done: list[Rebuilt] = []
    for stretch in by_day(lower, upper):
        for hour in stretch.hours:
            rebuilt = await rebuilder.rebuild(hour)
            done.append(rebuilt)
            if not as_json and (rebuilt.rows or not rebuilt.is_whole):
                _print(rebuilt.as_text)
    if as_json:
        _print(json.dumps([rebuilt._asdict() for rebuilt in done], indent=2))
    else:
        _print(f"{len(done):,} hours, {sum(each.rows for each in done):,} rows")
    return 0 if all(rebuilt.is_whole for rebuilt in done) else 1


def _time(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp())


def _print(text: str) -> None:
    """At once: a rebuild of months is watched."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
