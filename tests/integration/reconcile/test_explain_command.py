"""`python -P -m operations.explain`: one page, with no more rights than `reconcile` has."""

import asyncio
import json
import sys
from pathlib import Path

import operations
from deploy.local.environment import program_environment
from shared.events.limits import LimitUse
from shared.events.requests import ErrorCode, Outcome
from shared.events.usage import Usage, UsageSource
from tests.integration.reconcile.world import World
from tests.made_events import request


async def run(world: World, *arguments: str) -> tuple[int, str, str]:
    environment = program_environment() | {
        "LEDGERLINE_RECONCILE_DSN": world.database.dsn("reconcile")
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.explain", *arguments),
        env=environment,
        cwd=Path(operations.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_request_on_one_page(world: World) -> None:
    limit = LimitUse(limit="key:requests", allowed=60, remaining=7)
    event = request(
        upstream_request_id="chatcmpl-1",
        tags={"team": "search"},
        limits=(limit,),
        hold_quota=900,
    )
    await world.settle([event, request()])

    for asked in (event.request_id, "chatcmpl-1"):
        code, out, err = await run(world, asked)
        assert (code, err) == (0, "")
        for line in (
            f"request {event.request_id}",
            "2026-01-02 12:00:00 UTC: succeeded, 200, 1600 ms (first byte after 300 ms)",
            "ada (user 700), key laptop (70), group default, from 192.0.2.1",
            "team=search",
            "1. after 1 ms, for 1500 ms: primary (channel 3, simulator, gpt-4o-mini): answered 200",
            "key:requests: 7 of 60 left",
            "hold: 900 quota ($0.001800)",
            "charge: 30 quota ($0.000060)",
            "(10 + 20 completion × 1) × 1 × 1 = 30",
            "(-30)",
        ):
            assert line in out, (line, out)


async def test_as_json_it_says_the_same(world: World) -> None:
    event = request()
    await world.settle([event])

    code, out, _ = await run(world, event.request_id, "--json")

    told = json.loads(out)
    assert code == 0
    assert told["request"]["charge"]["rated_quota"] == 30
    assert told["entry"]["amount_units"] == -30


async def test_a_party_that_is_missing_is_named(world: World) -> None:
    free = request(
        outcome=Outcome.FAILED,
        error_code=ErrorCode.UPSTREAM_TIMEOUT,
        quota=0,
        usage=Usage(),
        usage_source=UsageSource.NONE,
    )
    uncharged, unlogged = request(), request()
    await world.settle(
        [free, uncharged, unlogged], charged=[free, unlogged], logged=[free, uncharged]
    )

    assert "neither succeeded nor cost" in (await run(world, free.request_id))[1]
    assert "NO ENTRY" in (await run(world, uncharged.request_id))[1]
    code, out, _ = await run(world, unlogged.request_id)
    assert (code, "no log row" in out, "(-30)" in out) == (0, True, True)


async def test_its_exit_codes(world: World) -> None:
    for unknown in ("no-such-request", "\ufffd", "a b", ""):
        code, out, err = await run(world, unknown)
        assert (code, out) == (1, ""), unknown
        assert err == "nobody knows a request with this id\n"
    code, _, err = await run(world, "x", "--postgres-dsn", "postgresql://nobody@127.0.0.1:1/none")
    assert code == 2
    assert err.startswith("PostgreSQL could not be read")
