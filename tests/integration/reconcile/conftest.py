"""A stack whose topics and tables these tests fill and empty by hand; nobody else uses it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

import services.billing
import services.logging
from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from deploy.postgres.roles import create_roles
from shared.events.catalog import RELAY_HEALTH, RELAY_REQUESTS
from shared.kafka.producer import IdempotentProducer
from shared.postgres.migrate import migrate
from tests.integration.kafka.broker import Broker
from tests.integration.reconcile.world import World
from tests.stack_fixtures import Database

_HOUSES = {
    "billing": Path(services.billing.__file__).parent,
    "logging": Path(services.logging.__file__).parent,
}


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    made = Stack(StackSpec(state_dir=tmp_path_factory.mktemp("reconcile")))
    try:
        await made.start_infrastructure()
        yield made
    finally:
        await made.stop()
        shutil.rmtree(made.state_dir, ignore_errors=True)


@pytest.fixture
async def world(own_stack: Stack) -> AsyncIterator[World]:
    """Empty topics, empty tables."""
    database = Database(f"test_{uuid4().hex}", own_stack)
    connection = await asyncpg.connect(own_stack.dsn("superuser"))
    try:
        await connection.execute(f"CREATE DATABASE {database.name}")
        await create_roles(database.dsn("superuser"), own_stack.secrets.postgres_passwords)
        for schema, house in _HOUSES.items():
            await migrate(
                database.dsn(f"{schema}_owner"), schema=schema, directory=house / "migrations"
            )
        async with Broker(own_stack.kafka_bootstrap) as broker:
            for topic in (RELAY_REQUESTS, RELAY_HEALTH):
                names = {topic.name: topic.partitions} | dict.fromkeys(topic.dead_letter_topics, 1)
                for name, partitions in names.items():
                    await broker.delete_topic(name)
                    await broker.make_topic(name, partitions)
            async with (
                World(database=database, broker=broker) as made,
                IdempotentProducer(bootstrap=own_stack.kafka_bootstrap, client_id="t") as producer,
            ):
                made.producer = producer
                yield made
        await connection.execute(f"DROP DATABASE {database.name} WITH (FORCE)")
    finally:
        await connection.close()
