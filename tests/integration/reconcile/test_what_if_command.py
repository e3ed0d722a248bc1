"""`operations.what_if`: the same from entries and from the topic, and the same after a kill -9."""

import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import operations
from deploy.local.environment import program_environment
from shared.events.catalog import RELAY_REQUESTS
from shared.events.event import encode_value
from shared.events.requests import ErrorCode, Outcome, Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from shared.kafka.records import OutgoingRecord
from shared.postgres.pool import open_pool
from tests.integration.billing.charges import COMPLETED_AT, post, request
from tests.integration.kafka.waiting import until
from tests.integration.reconcile.world import World

HOUR: Final = timedelta(hours=1)
PERIOD: Final = (
    *("--since", (COMPLETED_AT - HOUR).isoformat()),
    *("--until", (COMPLETED_AT + HOUR).isoformat()),
)
SOURCES: Final = ("entries", "kafka")
RATING: Final = Rating(
    price_version=1,
    model_ratio=Decimal(1),
    completion_ratio=Decimal(2),
    cache_ratio=Decimal(1),
    cache_creation_ratio=Decimal(1),
    image_ratio=Decimal(1),
    audio_ratio=Decimal(1),
    group_ratio=Decimal("0.5"),
)
DRAFT: Final = """
INSERT INTO billing.price_drafts (draft_id, name, source, prices, group_ratios, created_by)
VALUES (7, 'dearer', 'file', $1, $2, 1)
"""
PRICES: Final = {
    "gpt-4o-mini": {
        "model_ratio": "3",
        "completion_ratio": "4",
        "tiers": [{"above_prompt_tokens": 200, "model_ratio": "6"}],
    }
}


GROUPS: Final = {"vip": {"version": 0, "effective_from": "2026-01-01T00:00:00Z", "ratio": "2"}}


def made(count: int) -> list[RequestCompleted]:
    """Requests of three workspaces, two models and two groups; some failed.

    Some are at the period's first moment, which is in it, or at its end, which is not.
    """
    events = []
    for number in range(count):
        event = request(workspace=1 + number % 3, quota=5 + number % 7, hold=20)
        changes: dict[str, Any] = {
            "requested_model": ("gpt-4o-mini", "other", None)[number % 4 % 3],
            "group": "vip" if number % 5 == 0 else "default",
            "usage": Usage(prompt_tokens=number % 400, completion_tokens=number % 3),
            "usage_source": UsageSource.PROVIDER,
            "rating": None if number % 11 == 0 else RATING,
        }
        if number % 13 == 0:
            changes |= {"outcome": Outcome.FAILED, "error_code": ErrorCode.UPSTREAM_TIMEOUT}
        if number % 26 == 0:
            changes |= {"quota": 0}
        if number % 17 == 0:
            changes |= {"completed_at": COMPLETED_AT + (-HOUR if number % 2 else HOUR)}
        events.append(event.model_copy(update=changes))
    return events


async def settle(world: World, events: Sequence[RequestCompleted]) -> None:
    """The topic has them, every fifth twice and one that nobody can read; billing charged them."""
    records = [world.record(event) for event in events]
    broken = records[0]._replace(value=b'{"request_id": "x"}')
    other = OutgoingRecord(RELAY_REQUESTS.name, b"7", b"{}", (("ce_type", b"something.else"),))
    await world.publish([*records, broken, other, *records[::5]])
    dsn = world.database.dsn("billing")
    async with open_pool(dsn, min_size=1, max_size=2, application_name="test") as pool:
        await post(pool, *events)
    await world.execute(DRAFT, orjson.dumps(PRICES).decode(), orjson.dumps(GROUPS).decode())


async def start(world: World, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.what_if", *PERIOD, *arguments),
        env=program_environment()
        | {
            "LEDGERLINE_KAFKA_BOOTSTRAP": world.broker.bootstrap,
            "LEDGERLINE_RECONCILE_DSN": world.database.dsn("reconcile"),
        }
        | environment,
        cwd=Path(operations.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run(world: World, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await start(world, *arguments, **environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def told(
    world: World, *arguments: str, prices: tuple[str, str] = ("--draft", "7")
) -> dict[str, Any]:
    code, out, err = await run(world, *prices, "--format", "json", *arguments)
    assert code == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def figures(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what the sources cannot have in common."""
    names = ("requests", "old_units", "new_units", "difference_units", "not_rateable", "results")
    return {name: answer[name] for name in names}


async def test_both_sources_say_the_same(world: World) -> None:
    events = made(240)
    await settle(world, events)

    from_entries, from_kafka = [
        await told(world, "--from", source, "--chunk", "50") for source in SOURCES
    ]

    assert figures(from_entries) == figures(from_kafka)
    meant = [
        event
        for event in events
        if -HOUR <= event.completed_at - COMPLETED_AT < HOUR
        and (event.outcome is Outcome.SUCCEEDED or event.quota)
    ]
    rateable = [event for event in meant if event.rating is not None]
    assert from_kafka["requests"] == len(rateable)
    assert from_kafka["not_rateable"] == len(meant) - len(rateable)
    assert from_kafka["old_units"] == sum(event.quota for event in rateable)
    assert from_kafka["new_units"] == sum(by_hand(event) for event in rateable)
    assert (from_kafka["unreadable"], from_entries["unreadable"]) == (1, 0)
    assert from_kafka["repeated"] == sum(event in meant for event in events[::5])
    assert {row["workspace_id"] for row in from_kafka["results"]} == {1, 2, 3}
    narrow = [
        await told(world, "--from", source, "--workspace", "2", "--model", "gpt-4o-mini")
        for source in SOURCES
    ]
    assert figures(narrow[0]) == figures(narrow[1])
    (row,) = narrow[0]["results"]
    assert row in from_entries["results"]


def by_hand(event: RequestCompleted) -> int:
    """Written out again: half up, and 1 at least."""
    ratio, completion = 1, 2
    if event.requested_model == "gpt-4o-mini":
        ratio, completion = (6 if event.usage.prompt_tokens > 200 else 3), 4
    tokens = event.usage.prompt_tokens + completion * event.usage.completion_tokens
    exact = tokens * ratio * (Decimal(2) if event.group == "vip" else Decimal("0.5"))
    return max(int(exact + Decimal("0.5")), int(exact > 0))


@pytest.mark.parametrize("source", SOURCES)
async def test_killed_anywhere_and_started_again_it_says_what_it_would_have_said(
    world: World, tmp_path: Path, source: str
) -> None:
    await settle(world, made(1500))
    whole = await told(world, "--from", source)
    asked = ("--from", source, "--draft", "7", "--chunk", "1", "--format", "json")

    async def killed_midway(state: Path) -> bool:
        """Whether it had begun and not ended as it was killed."""
        process = await start(world, *asked, "--state", str(state))

        async def has_moved() -> bool:
            return looked_at(state) > 20 or process.returncode is not None

        await until(has_moved, "it is in the middle of it")
        if process.returncode is None:
            process.kill()
        await process.communicate()
        return process.returncode == -signal.SIGKILL and not is_done(state)

    for attempt in range(5):
        state = tmp_path / f"state-{attempt}"
        if await killed_midway(state):
            break
    else:
        raise AssertionError("it was never killed in the middle")
    before = looked_at(state)
    code, out, err = await run(world, *asked, "--state", str(state))

    assert code == 0, err
    assert f"goes on behind {before:,} of" in err
    assert json.loads(out) == whole
    # It is ended: who asks again is told at once.
    assert (await run(world, *asked, "--state", str(state))) == (0, out, "")


def looked_at(state: Path) -> int:
    return int(reached(state)[1])


def is_done(state: Path) -> bool:
    return bool(reached(state)[-1])


def reached(state: Path) -> list[Any]:
    """How far the run is; it may be writing."""
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as opened:
            (found,) = opened.execute("SELECT reached FROM run").fetchone()
    except (sqlite3.OperationalError, TypeError):
        return [None, 0, False]
    kept: list[Any] = json.loads(found)
    return kept


async def test_with_the_price_book_of_another_time(world: World) -> None:
    await settle(world, made(30))
    prices = ("--version-at", datetime.now(UTC).isoformat())

    answers = [await told(world, "--from", source, prices=prices) for source in SOURCES]

    assert figures(answers[0]) == figures(answers[1])
    assert answers[0]["requests"] > 0
    assert answers[0]["new_units"] != (await told(world, "--from", "entries"))["new_units"]


async def test_what_cannot_be_said_ends_with_2_and_why(world: World, tmp_path: Path) -> None:
    draft = ("--draft", "7")
    for arguments, environment, said in (
        (("--from", "entries", *draft), {}, "there is no such draft"),
        (("--from", "kafka", "--version-at", "1"), {}, "no price held at version_at"),
        (
            ("--from", "entries", *draft, "--postgres-dsn", "postgresql://nobody@127.0.0.1:1/none"),
            {},
            "PostgreSQL could not be read",
        ),
        (
            ("--from", "kafka", *draft),
            {"LEDGERLINE_KAFKA_BOOTSTRAP": "127.0.0.1:1"},
            "Kafka could not be read",
        ),
        (("--from", "entries", *draft, "--state", str(tmp_path)), {}, "cannot be used"),
    ):
        code, out, err = await run(world, *arguments, **environment)
        assert (code, out) == (2, ""), err
        assert err.startswith(said) or said in err, err
        assert "Traceback" not in err


async def test_a_period_that_the_topic_no_longer_has_whole_is_refused(world: World) -> None:
    await settle(world, made(12))
    partition = next(each for each, span in (await world.held()).items() if span.end > 1)
    await world.broker.cut(RELAY_REQUESTS.name, 1, partition=partition.partition)

    code, out, err = await run(world, "--from", "kafka", "--draft", "7")

    assert (code, out) == (2, "")
    assert err.startswith("the topic has all only since ")
    assert (await told(world, "--from", "entries"))["requests"] > 0


async def test_a_charge_whose_usage_cannot_be_read_is_counted_and_stops_nobody(
    world: World,
) -> None:
    events = made(12)
    odd = orjson.loads(encode_value(events[1]))
    odd["usage"]["tool_calls"] = ["web_search"]
    await settle(world, events)
    record = world.record(events[1])
    spoilt = orjson.dumps(odd | {"request_id": "0197-of-another-kind"})
    await world.publish([record._replace(value=spoilt)])

    answer = await told(world, "--from", "kafka")

    whole = await told(world, "--from", "entries")
    assert answer["not_rateable"] == whole["not_rateable"] + 1
    assert answer["requests"] == whole["requests"]
