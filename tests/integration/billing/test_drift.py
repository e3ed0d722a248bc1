"""What billing sees of its own sums: no drift while it does its work, and whatever was changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.billing.drift.metrics import DriftMetrics
from services.billing.drift.watching import look_once
from tests.integration.billing.charges import post, request
from tests.stack_fixtures import Database

CHECKS = {"balances", "chain", "charged", "hours", "holds"}


@pytest.fixture
async def charged(pool: asyncpg.Pool) -> None:
    """Two workspaces, two batches, with leases; one completed in this hour."""
    now = datetime.now(UTC)
    await post(pool, request(lease="a", key_lease="k"), request(workspace=2, quota=4, key=8))
    await post(pool, request(lease="a", quota=7, completed_at=now), request(completed_at=now))


@pytest.fixture
async def by_hand(database: Database, pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:  # noqa: ARG001 - migrated before
    """Somebody who may do everything, past the ledger's trigger as well."""
    connection = await asyncpg.connect(database.dsn("superuser"))
    await connection.execute("SET search_path = billing; SET session_replication_role = replica")
    yield connection
    await connection.close()


async def drifting(pool: asyncpg.Pool) -> dict[str, tuple[int, float]]:
    drifts = (await look_once(pool)).drifts
    assert drifts.keys() == CHECKS
    return {check: (drift.rows, drift.units) for check, drift in drifts.items() if drift.rows}


async def test_what_billing_does_never_drifts(
    pool: asyncpg.Pool,
    charged: None,  # noqa: ARG001 - for what it does
) -> None:
    turn = await look_once(pool)

    assert await drifting(pool) == {}
    assert {check: drift.looked_at for check, drift in turn.drifts.items()} == {
        "balances": 2,
        "chain": 2,
        "charged": 2,
        "hours": 1,
        "holds": 2,
    }
    assert turn.after_workspace_id == 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE accounts SET balance_units = balance_units + 5 WHERE workspace_id = 1",
            {"balances": (1, 5)},
        ),
        (
            "UPDATE accounts SET head_hash = sha256('') WHERE workspace_id = 2",
            {"balances": (1, 0)},
        ),
        (
            "UPDATE ledger_entries SET amount_units = -6 WHERE amount_units = -7",
            {"chain": (1, 1), "hours": (1, 1)},
        ),
        (
            """UPDATE ledger_entries SET entry_hash = sha256('x') WHERE entry_id =
                   (SELECT min(entry_id) FROM ledger_entries WHERE workspace_id = 1)""",
            {"chain": (1, 0)},
        ),
        (
            "DELETE FROM ledger_entries WHERE amount_units = -7",
            {"chain": (1, 7), "hours": (1, 7)},
        ),
        (
            "UPDATE token_usage SET used_quota = used_quota + 3 WHERE key_id = 8",
            {"charged": (1, 3)},
        ),
        (
            "UPDATE quota_data SET quota = quota - 2 WHERE user_id = 1 AND count = 2",
            {"charged": (1, 2), "hours": (1, 2)},
        ),
        ("UPDATE accounts SET held_units = 9 WHERE workspace_id = 2", {"holds": (1, 9)}),
        ("UPDATE leases SET used_total = 99 WHERE lease_id = 'a'", {"holds": (1, 82)}),
    ],
)
async def test_whatever_was_changed_by_hand_is_seen(
    pool: asyncpg.Pool,
    charged: None,  # noqa: ARG001 - for what it does
    by_hand: asyncpg.Connection,
    change: str,
    found: dict[str, tuple[int, float]],
) -> None:
    await by_hand.execute(change)

    assert await drifting(pool) == found


async def test_the_figures_are_what_prometheus_reads(
    pool: asyncpg.Pool,
    charged: None,  # noqa: ARG001 - for what it does
    by_hand: asyncpg.Connection,
) -> None:
    await by_hand.execute("UPDATE accounts SET balance_units = 0 WHERE workspace_id = 2")
    registry = CollectorRegistry()
    metrics = DriftMetrics(registry)

    metrics.found((await look_once(pool)).drifts)

    def value(name: str, check: str) -> float | None:
        return registry.get_sample_value(f"ledgerline_billing_drift_{name}", {"check": check})

    assert (value("rows", "balances"), value("units", "balances")) == (1, 4)
    assert (value("rows", "hours"), value("looked_at", "hours")) == (0, 1)
