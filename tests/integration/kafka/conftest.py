"""A schema with the tables of shared.kafka, and topics of one test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import shared.kafka
from deploy.local.stack import Stack
from shared.kafka.producer import IdempotentProducer
from shared.postgres.pool import open_pool
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.ledger import SCHEMA, TABLES
from tests.stack_fixtures import Database

_SQL = Path(shared.kafka.__file__).parent


async def lay_out(dsn: str) -> str:
    """Make the tables; answer the address of the schema."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(f"SET search_path = {SCHEMA}")
        for name in ("watermarks.sql", "outbox.sql", "state_outbox.sql"):
            await connection.execute((_SQL / name).read_text())
        await connection.execute(TABLES)
    finally:
        await connection.close()
    return f"{dsn}?search_path={SCHEMA}"


@pytest.fixture
async def dsn(database: Database) -> str:
    return await lay_out(database.dsn("superuser"))


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with open_pool(dsn, min_size=1, max_size=5, application_name="kafka-test") as opened:
        yield opened


@pytest.fixture
async def producer(infrastructure: Stack) -> AsyncIterator[IdempotentProducer]:
    async with IdempotentProducer(
        bootstrap=infrastructure.kafka_bootstrap, client_id="test"
    ) as made:
        yield made


@pytest.fixture
async def broker(infrastructure: Stack) -> AsyncIterator[Broker]:
    async with Broker(infrastructure.kafka_bootstrap) as opened:
        yield opened
