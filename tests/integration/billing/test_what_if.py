"""Rating a past period again: exact, resumable, and posted once as adjustments of its charges."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import services.billing
from deploy.local.environment import program_environment
from services.billing.api.what_if import shown
from services.billing.audit import Admin
from services.billing.drift.watching import look_once
from services.billing.what_if.asking import ask, cancel, post_differences
from services.billing.what_if.choosing import Question
from services.billing.what_if.store_charges import ChargesOf
from services.billing.what_if.store_runs import Run, read_results, read_run, read_totals
from services.billing.what_if.working import work_once
from shared.events.directory import Role
from shared.events.requests import Rating, RequestCompleted
from shared.events.usage import Usage, UsageSource
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import COMPLETED_AT, one_row, post, request
from tests.integration.kafka.waiting import until
from tests.stack_fixtures import Database

REPOSITORY = Path(services.billing.__file__).parents[2]

ADMIN = Admin(user_id=1, name="root", role=Role.ADMIN, workspace_id=1)
RATING = Rating(
    price_version=1,
    model_ratio=Decimal(1),
    completion_ratio=Decimal(2),
    cache_ratio=Decimal(1),
    cache_creation_ratio=Decimal(1),
    image_ratio=Decimal(1),
    audio_ratio=Decimal(1),
    group_ratio=Decimal(1),
)
"""3 tokens in and 4 out cost 11."""
COSTS = 11
DRAFT = """
INSERT INTO price_drafts (name, source, prices, created_by)
VALUES ('dearer', 'file', '{"gpt-4o-mini": {"model_ratio": "3", "completion_ratio": "4"}}', 1)
RETURNING draft_id
"""
WOULD_COST = 57


def rated(**changes: Any) -> RequestCompleted:
    """A request that says how its figure came about."""
    return request(quota=COSTS, hold=COSTS, **changes).model_copy(
        update={"rating": RATING, "usage_source": UsageSource.PROVIDER}
    )


@pytest.fixture
async def draft_id(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval(DRAFT))


@pytest.fixture
async def charged(pool: asyncpg.Pool) -> int:
    """How many charges there are of two workspaces in the period; one more is outside of it."""
    events = [rated(workspace=1 + number % 2, key=7 + number % 2) for number in range(30)]
    await post(pool, *events)
    await post(pool, rated(completed_at=COMPLETED_AT - timedelta(days=3)))
    return len(events)


async def asked(
    pool: asyncpg.Pool,
    draft_id: int | None,
    *,
    workspace_id: int | None = None,
    version_at: datetime | None = None,
) -> Run:
    hour = timedelta(hours=1)
    question = Question(
        charges=ChargesOf(COMPLETED_AT - hour, COMPLETED_AT + hour, workspace_id),
        version_at=version_at,
        draft_id=draft_id,
    )
    return await in_transaction(pool, partial(ask, question=question, admin=ADMIN))


async def work(pool: asyncpg.Pool, *, chunk: int = 7) -> int:
    """Until nothing is left; answers how many chunks it took."""
    chunks = 0
    while await work_once(pool, chunk=chunk):
        chunks += 1
    return chunks


async def read(pool: asyncpg.Pool, run_id: int) -> dict[str, Any]:
    run = await read_run(pool, run_id)
    assert run is not None
    return shown(run, await read_totals(pool, run_id))


async def test_old_new_and_difference_by_workspace_and_model(
    pool: asyncpg.Pool, charged: int, draft_id: int
) -> None:
    run = await asked(pool, draft_id)
    assert (run.state, run.entries_total) == ("waiting", charged)

    assert await work(pool) == 5

    told = await read(pool, run.run_id)
    assert (told["state"], told["progress"], told["not_rateable"]) == ("rated", 1.0, 0)
    assert (told["requests"], told["old_units"], told["new_units"]) == (30, 330, 30 * WOULD_COST)
    assert await read_results(pool, run.run_id, after=(0, ""), limit=10) == [
        {
            "workspace_id": workspace,
            "model": "gpt-4o-mini",
            "requests": 15,
            "old_units": 165,
            "new_units": 15 * WOULD_COST,
            "difference_units": 15 * (WOULD_COST - COSTS),
        }
        for workspace in (1, 2)
    ]


async def test_with_the_prices_it_was_rated_with_nothing_differs(
    pool: asyncpg.Pool, charged: int, draft_id: int
) -> None:
    await pool.execute("UPDATE price_drafts SET prices = '{}'")
    run = await asked(pool, draft_id)
    await work(pool)

    told = await read(pool, run.run_id)
    assert (told["requests"], told["difference_units"]) == (charged, 0)


async def test_a_version_of_the_book_is_the_one_that_held_then(
    pool: asyncpg.Pool, charged: int
) -> None:
    run = await asked(pool, None, version_at=datetime.now(UTC), workspace_id=2)
    await work(pool)

    told = await read(pool, run.run_id)
    # gpt-4o-mini as billing begins: a ratio of 0.075, and output costs 4 times as much: 1.425.
    assert (told["requests"], told["new_units"]) == (15, 15)
    assert charged == 30


async def test_a_run_whose_worker_was_killed_ends_as_one_that_was_not(
    pool: asyncpg.Pool, database: Database, draft_id: int
) -> None:
    await post(pool, *(rated(workspace=1 + number % 3) for number in range(600)))
    killed = await asked(pool, draft_id)
    for _ in range(3):
        before = (await read(pool, killed.run_id))["entries_done"]
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tests.integration.billing.what_if_worker"),
            database.dsn("billing"),
            env=program_environment(),
            cwd=REPOSITORY,
        )

        async def has_moved(before: int = before) -> bool:
            return bool((await read(pool, killed.run_id))["entries_done"] > before + 20)

        await until(has_moved, "the worker is in the middle of it")
        worker.kill()
        assert await worker.wait() == -signal.SIGKILL
    half = await read(pool, killed.run_id)
    await work(pool, chunk=100)
    whole = await asked(pool, draft_id)
    await work(pool, chunk=1000)

    assert (half["state"], half["requests"]) == ("rating", half["entries_done"])
    ended = [await read(pool, run.run_id) for run in (killed, whole)]
    same = ("state", "requests", "old_units", "new_units", "entries_done", "progress")
    assert [ended[0][name] for name in same] == [ended[1][name] for name in same]
    results = [
        await read_results(pool, run.run_id, after=(0, ""), limit=10) for run in (killed, whole)
    ]
    assert results[0] == results[1]
    assert sum(row["requests"] for row in results[0]) == 600


async def test_differences_are_posted_once_as_adjustments_of_their_charges(
    pool: asyncpg.Pool, charged: int, draft_id: int
) -> None:
    run = await asked(pool, draft_id)
    await work(pool)
    difference = charged * (WOULD_COST - COSTS)
    with pytest.raises(EnvelopeError, match=f"is {difference} quota units"):
        await confirm(pool, run.run_id, difference - 1)

    for _ in range(2):
        await confirm(pool, run.run_id, difference)
        await work(pool)

    assert (await read(pool, run.run_id))["state"] == "posted"
    assert await one_row(
        pool,
        "SELECT count(*), sum(amount_units)::bigint, count(DISTINCT refers_to_entry_id),"
        " min(cause) LIKE 'adjustment:what-if:%', min(actor_name)"
        " FROM ledger_entries WHERE kind = 'adjustment'",
    ) == (charged, -difference, charged, True, "root")
    assert await one_row(pool, "SELECT sum(quota)::bigint, sum(count)::bigint FROM quota_data") == (
        charged * WOULD_COST + COSTS,
        charged + 1,
    )
    drifts = (await look_once(pool)).drifts
    assert {check: drift.rows for check, drift in drifts.items() if drift.rows} == {}
    # Asked once more: what was adjusted is what it costs now.
    again = await asked(pool, draft_id)
    await work(pool)
    assert (await read(pool, again.run_id))["difference_units"] == 0


async def test_a_draft_is_rated_as_it_would_be_published(pool: asyncpg.Pool, draft_id: int) -> None:
    """What a tier leaves out is as the price has it, the hour's ratio too."""
    await pool.execute(
        "UPDATE price_drafts SET prices = $1",
        """{"gpt-4o-mini": {"model_ratio": "1", "cache_creation_1h_ratio": "10",
            "tiers": [{"above_prompt_tokens": 100, "model_ratio": "2"}]}}""",
    )
    usage = Usage(prompt_tokens=200, cache_creation_tokens=200, cache_creation_1h_tokens=200)
    await post(pool, rated().model_copy(update={"usage": usage}))
    run = await asked(pool, draft_id)
    await work(pool)

    assert (await read(pool, run.run_id))["new_units"] == 200 * 10 * 2


async def test_what_was_refunded_is_not_taken_back_again(
    pool: asyncpg.Pool, charged: int, draft_id: int
) -> None:
    await pool.execute("UPDATE price_drafts SET prices = $1", '{"gpt-4o-mini": {"model_ratio": 0}}')
    run = await asked(pool, draft_id, workspace_id=1)
    await pool.execute(
        """
        INSERT INTO ledger_entries (workspace_id, kind, cause, amount_units, balance_after_units,
            posted_at, refers_to_entry_id, bucket_at, prev_hash, entry_hash)
        SELECT workspace_id, 'refund', 'refund:x', 8, 0, now(), entry_id, posted_at, sha256(''),
               sha256('')
        FROM ledger_entries WHERE kind = 'charge' AND workspace_id = 1 AND posted_at = $1 LIMIT 1
        """,
        COMPLETED_AT,
    )
    await work(pool)

    assert (await read(pool, run.run_id))["new_units"] == 8
    await confirm(pool, run.run_id, 8 - 15 * COSTS)
    await work(pool)
    assert (await read(pool, run.run_id))["state"] == "posted"
    assert charged == 30


async def test_charges_that_keep_too_little_are_counted_and_in_no_sum(
    pool: asyncpg.Pool, charged: int, draft_id: int
) -> None:
    bare = request(workspace=9, quota=COSTS)
    await post(pool, bare.model_copy(update={"usage_source": UsageSource.PROVIDER}))
    run = await asked(pool, draft_id)
    await work(pool)

    told = await read(pool, run.run_id)
    assert (told["entries_done"], told["requests"], told["not_rateable"]) == (31, charged, 1)


async def test_a_run_that_is_called_off_is_left_alone(pool: asyncpg.Pool, draft_id: int) -> None:
    await post(pool, rated())
    run = await asked(pool, draft_id)
    for _ in range(2):
        called_off = await in_transaction(pool, partial(cancel, run_id=run.run_id, admin=ADMIN))
        assert called_off.state == "cancelled"

    assert await work(pool) == 0
    with pytest.raises(EnvelopeError, match="only a run that is rated"):
        await confirm(pool, run.run_id, 0)


async def confirm(pool: asyncpg.Pool, run_id: int, units: int) -> Run:
    return await in_transaction(
        pool, partial(post_differences, run_id=run_id, admin=ADMIN, confirmed_units=units)
    )
