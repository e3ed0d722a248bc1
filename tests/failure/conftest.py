"""One gateway for the drills: four relays, two of each consumer. Each drill leaves it whole.

And a smaller one for the drills on workers.
"""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from tests.failure.workers import WORKERS
from tests.gateway.operator import Operator
from tests.stack_fixtures import _listed


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def drill_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    made = Stack(
        StackSpec(
            state_dir=tmp_path_factory.mktemp("drills"),
            relays=4,
            billings=2,
            loggings=2,
            settings={
                "relay": {
                    # On a machine that is busy with a drill Valkey may be slow, and is not away.
                    "LEDGERLINE_LIMITS_STORE_TIMEOUT_MS": "5000",
                    "LEDGERLINE_LIMITS_LEASE_S": "3",
                }
            },
        )
    )
    async with _listed(made):
        await made.start()
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def operator(drill_stack: Stack) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession() as http:
        yield await Operator.of(drill_stack, http)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def worker_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One relay of three workers. Each drill leaves it with three."""
    made = Stack(
        StackSpec(
            state_dir=tmp_path_factory.mktemp("workers"),
            relay_workers=WORKERS,
            settings={"relay": {"LEDGERLINE_LIMITS_STORE_TIMEOUT_MS": "5000"}},
        )
    )
    async with _listed(made):
        await made.start()
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def worker_operator(worker_stack: Stack) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession() as http:
        yield await Operator.of(worker_stack, http)
