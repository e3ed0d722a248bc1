"""The command: its table, its JSON and its exit codes."""

import asyncio
import json
import sys
from pathlib import Path

import operations
from deploy.local.environment import program_environment
from tests.integration.reconcile.world import World
from tests.made_events import request


async def run(world: World, *arguments: str, kafka: str | None = None) -> tuple[int, str, str]:
    environment = program_environment() | {
        "LEDGERLINE_KAFKA_BOOTSTRAP": kafka or world.broker.bootstrap,
        "LEDGERLINE_RECONCILE_DSN": world.database.dsn("reconcile"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.reconcile", "--settle-s", "0", *arguments),
        env=environment,
        cwd=Path(operations.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_it_exits_with_0_when_everybody_agrees(world: World) -> None:
    await world.settle([request(), request()])

    code, out, err = await run(world)

    assert (code, err) == (0, "")
    assert "I3 balances = sums of ledger entries" in out
    assert out.endswith("no gaps\n")


async def test_it_exits_with_1_and_names_the_request(world: World) -> None:
    events = [request(), request()]
    await world.settle(events, charged=events[1:])

    code, out, _ = await run(world)

    assert code == 1
    assert f"{events[0].request_id}: has no ledger entry; its event says 30" in out


async def test_as_json_it_says_the_same(world: World) -> None:
    events = [request(), request()]
    await world.settle(events, logged=events[1:])

    code, out, _ = await run(world, "--json")

    told = json.loads(out)
    assert (code, told["clean"]) == (1, False)
    gaps = {each["name"]: each["gaps"] for each in told["checks"] if each["gaps"]}
    assert gaps == {
        "I2 log rows = requests on the topic": [
            {"subject": events[0].request_id, "what": "has no log row"}
        ],
        "I2 usage = quota_data, by user, model, hour": [
            {
                "subject": "user 700, model 'gpt-4o-mini', hour 1767355200",
                "what": "quota_data has 60, usage 30",
            }
        ],
    }


async def test_it_exits_with_2_when_a_party_cannot_be_asked(world: World) -> None:
    code, out, err = await run(world, kafka="127.0.0.1:1")
    assert (code, out) == (2, "")
    assert err.startswith("Kafka could not be read")
    assert "Traceback" not in err

    code, _, err = await run(world, "--postgres-dsn", "postgresql://nobody@127.0.0.1:1/none")
    assert code == 2
    assert err.startswith("PostgreSQL could not be read")
