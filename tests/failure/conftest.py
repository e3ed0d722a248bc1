"""One gateway for the drills: four relays, two of each consumer. Each drill finds it whole.

And a smaller one for the drills on workers.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from tests.failure.wholeness import make_whole
from tests.failure.workers import WORKERS
from tests.gateway.operator import Operator
from tests.stack_fixtures import _listed

_FOLDER: Final = Path(__file__).parent
_DEADLINE_S: Final = 600
"""A drill starts its stack, or waits for what was killed; on a busy machine that takes minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _FOLDER:
            item.add_marker(pytest.mark.timeout(_DEADLINE_S))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def shared_drill_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """For fixtures of more than one drill; drills take `drill_stack`."""
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


@pytest_asyncio.fixture(loop_scope="session")
async def drill_stack(shared_drill_stack: Stack) -> AsyncIterator[Stack]:
    """What a drill that failed half-way has left dead or frozen is not the next one's business."""
    yield shared_drill_stack
    await make_whole(shared_drill_stack)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def operator(shared_drill_stack: Stack) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession() as http:
        yield await Operator.of(shared_drill_stack, http)


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
