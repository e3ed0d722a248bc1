"""The command that verifies chains, on what billing writes: in its tables, and on its topic."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg
import pytest

import operations
from deploy.local.environment import program_environment
from shared.events.catalog import BILLING_LEDGER
from shared.kafka.outbox_rows import decode_row
from shared.kafka.records import OutgoingRecord
from shared.postgres.pool import open_pool
from tests.integration.billing.charges import post, request
from tests.integration.billing.lease_messages import fund
from tests.integration.reconcile.world import World


async def run(world: World, *arguments: str) -> tuple[int, str]:
    environment = program_environment() | {
        "LEDGERLINE_KAFKA_BOOTSTRAP": world.broker.bootstrap,
        "LEDGERLINE_RECONCILE_DSN": world.database.dsn("reconcile"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "operations.ledger_chain", *arguments),
        env=environment,
        cwd=Path(operations.__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def move_money(world: World) -> list[int]:
    """Top-ups and batches of charges at once, over three accounts. Answers account 2's entries."""
    dsn = world.database.dsn("billing")
    async with open_pool(dsn, min_size=1, max_size=4, application_name="test") as pool:
        await asyncio.gather(
            *(fund(pool, 1000, workspace=1 + n % 3) for n in range(6)),
            *(
                post(pool, *(request(workspace=1 + n % 3, quota=n) for n in range(9)))
                for _ in range(4)
            ),
        )
        rows = await pool.fetch(
            "SELECT entry_id FROM ledger_entries WHERE workspace_id = 2 ORDER BY entry_id"
        )
        return [row["entry_id"] for row in rows]


async def tamper(world: World, statement: str, *values: object) -> None:
    """As somebody who may do anything: triggers do not see it."""
    connection = await asyncpg.connect(world.database.dsn("superuser"))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(statement, *values)
    finally:
        await connection.close()


CHANGES = {
    "kind": "'grant'",
    "cause": "'request:another'",
    "amount_units": "amount_units + 1",
    "balance_after_units": "balance_after_units + 1",
    "excess_units": "excess_units + 1",
    "exposure_units": "5",
    "key_id": "8",
    "user_id": "8",
    "model": "'another'",
    "actor_user_id": "8",
    "actor_name": "'x'",
    "note": "'x'",
    "posted_at": "posted_at + interval '1 microsecond'",
    "refers_to_entry_id": "1, bucket_at = now()",
    "bucket_at": "now()",
    "detail": """'{"username":"another"}'""",
    "detail_hash": "sha256('x')",
    "prev_hash": "sha256('x')",
    "entry_hash": "sha256('x')",
}


async def test_every_column_that_somebody_changes_is_named_with_its_entry(world: World) -> None:
    entries = await move_money(world)
    code, out = await run(world, "table")
    assert (code, "42 entries of 3 accounts" in out) == (0, True), out
    connection = await asyncpg.connect(world.database.dsn("superuser"))
    try:
        await connection.execute("SET session_replication_role = replica")
        charge = await connection.fetchval(
            "SELECT max(entry_id) FROM billing.ledger_entries"
            " WHERE workspace_id = 2 AND kind = 'charge' AND entry_id < $1",
            entries[-1],
        )
        await connection.execute("CREATE TABLE kept AS TABLE billing.ledger_entries")
        for column, value in CHANGES.items():
            await connection.execute(
                f"UPDATE billing.ledger_entries SET {column} = {value} WHERE entry_id = $1", charge
            )
            code, out = await run(world, "table", "--json")
            (broken,) = json.loads(out)["breaks"]
            assert (code, broken["workspace_id"], broken["entry_id"]) == (1, 2, charge), column
            await connection.execute(
                "DELETE FROM billing.ledger_entries WHERE entry_id = $1", charge
            )
            await connection.execute(
                "INSERT INTO billing.ledger_entries SELECT * FROM kept WHERE entry_id = $1", charge
            )
    finally:
        await connection.close()
    assert (await run(world, "table"))[0] == 0


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("DELETE FROM billing.ledger_entries WHERE entry_id = $1", 4),
        (
            "UPDATE billing.accounts SET head_hash = sha256('x') WHERE 3 < $1 AND workspace_id = 2",
            -1,
        ),
        ("DELETE FROM billing.accounts WHERE 3 < $1 AND workspace_id = 2", -1),
    ],
)
async def test_what_is_taken_out_shows_in_what_follows(
    world: World, statement: str, place: int
) -> None:
    entries = await move_money(world)
    await tamper(world, statement, entries[3])

    code, out = await run(world, "table")

    assert code == 1
    assert out.startswith(f"workspace 2: entry {entries[place]} is broken: ")
    assert (await run(world, "table", "--workspace", "1"))[0] == 0


async def test_the_last_entry_taken_away_shows_in_the_accounts_head(world: World) -> None:
    entries = await move_money(world)
    await tamper(world, "DELETE FROM billing.ledger_entries WHERE entry_id = $1", entries[-1])

    code, out = await run(world, "table")

    assert code == 1
    assert out.startswith(f"workspace 2: entry {entries[-1]} is broken: head: ")


async def test_the_topic_verifies_and_so_does_the_table_against_it(world: World) -> None:
    await world.broker.delete_topic(BILLING_LEDGER.name)
    await world.broker.make_topic(BILLING_LEDGER.name, 2)
    entries = await move_money(world)
    connection = await asyncpg.connect(world.database.dsn("superuser"))
    try:
        rows = await connection.fetch("SELECT records FROM billing.event_outbox ORDER BY id")
    finally:
        await connection.close()
    records = [
        OutgoingRecord(BILLING_LEDGER.name, r.key, r.value, r.all_headers)
        for row in rows
        for r in decode_row(row["records"])
        if ("ce_type", b"ledgerline.ledger.entry_posted.v1") in r.headers
    ]
    await world.publish([*records, *records[-10:]])

    code, out = await run(world, "topic", "--against-table")
    assert (code, "3 accounts" in out) == (0, True), out

    await tamper(
        world,
        "UPDATE billing.ledger_entries SET entry_hash = sha256('x') WHERE entry_id = $1",
        entries[-1],
    )
    code, out = await run(world, "topic", "--against-table")
    assert code == 1
    assert out.startswith(f"workspace 2: entry {entries[-1]} is broken: table: ")
