"""Billing's tables in a database of the test's own, and what relays would send."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio

from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from tests.stack_fixtures import Database

MIGRATIONS = Path(__file__).parents[3] / "services" / "billing" / "migrations"


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """As the role that runs, in a migrated schema."""
    await migrate(database.dsn("billing_owner"), schema="billing", directory=MIGRATIONS)
    async with open_pool(
        database.dsn("billing"), min_size=1, max_size=12, application_name="test"
    ) as opened:
        yield opened
