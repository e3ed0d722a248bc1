"""A Valkey of its own for these tests: the embedded stack's, without the rest of the stack."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from valkey.asyncio import Valkey

from deploy.local.ports import Ports
from deploy.local.valkey_server import ValkeyServer
from services.relay.limits.metrics import LimitMetrics
from tests.integration.limits.linked import Linked


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ValkeyServer]:
    folder = tmp_path_factory.mktemp("limits")
    made = ValkeyServer(
        folder=folder / "valkey", output_folder=folder, ports=Ports(), password="made-up"
    )
    await made.start()
    await made.process.wait_ready()
    yield made
    await made.process.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def valkey(server: ValkeyServer) -> AsyncIterator[Valkey]:
    """A client of the server, which is running and empty."""
    if not server.process.running:
        await server.start()
        await server.process.wait_ready()
    client: Valkey = Valkey.from_url(server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def linked(server: ValkeyServer, valkey: Valkey) -> AsyncIterator[Linked]:
    """A relay's link to the server, up."""
    del valkey  # it is emptied before
    async with Linked(server.url, LimitMetrics(CollectorRegistry())) as made:
        await made.up()
        yield made
