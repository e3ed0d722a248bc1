"""Billing's tables in a database of the test's own, and `billing` as it runs, in this process."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from pydantic import SecretStr

import services.billing
from deploy.local.ports import HOST, Ports
from deploy.local.stack import Stack
from services.billing.app import open_app
from services.billing.budgets import changing, posting
from services.billing.handlers import CONSUMER_GROUP
from services.billing.settings import BillingSettings
from shared.events.catalog import RELAY_REQUESTS
from shared.http.assertions import AssertionSigner
from shared.kafka.producer import IdempotentProducer
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.service.background import BackgroundTasks
from tests.control_keys import control_of
from tests.integration.billing.service import RELAY_SECRET, BillingService
from tests.integration.kafka.begun_behind import begin_behind
from tests.integration.kafka.waiting import until
from tests.stack_fixtures import Database

MIGRATIONS = Path(services.billing.__file__).parent / "migrations"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
"""Of the day on which the tests began."""
StartBilling = Callable[[], AbstractAsyncContextManager[BillingService]]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """As the role that runs, in a migrated schema."""
    await migrate(database.dsn("billing_owner"), schema="billing", directory=MIGRATIONS)
    async with open_pool(
        database.dsn("billing"), min_size=1, max_size=12, application_name="test"
    ) as opened:
        yield opened


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be noon for budgets: no day ends while a test runs."""
    for module in (changing, posting):
        monkeypatch.setattr(module, "utc_now", lambda: NOON)


@pytest.fixture
async def nothing_to_charge(infrastructure: Stack, pool: asyncpg.Pool) -> None:
    """Let billing begin behind what other tests have published: its ledger is this test's alone."""
    await begin_behind(
        infrastructure.kafka_bootstrap, pool, group=CONSUMER_GROUP, topic=RELAY_REQUESTS.name
    )


@pytest.fixture
async def producer(infrastructure: Stack) -> AsyncIterator[IdempotentProducer]:
    async with IdempotentProducer(
        bootstrap=infrastructure.kafka_bootstrap, client_id="billing-test"
    ) as made:
        yield made


@pytest.fixture
async def control() -> AsyncIterator[tuple[str, AssertionSigner]]:
    """Where control says what its keys are, and what signs with them."""
    signer = AssertionSigner(bytes(range(32)))
    async with control_of(signer) as url:
        yield url, signer


@pytest.fixture
def start_billing(
    infrastructure: Stack,
    database: Database,
    pool: asyncpg.Pool,
    control: tuple[str, AssertionSigner],
) -> StartBilling:
    """Starts a `billing` that ends with its block; several may run at once."""
    control_url, signer = control

    @asynccontextmanager
    async def start() -> AsyncIterator[BillingService]:
        ports = Ports()
        settings = BillingSettings(
            instance="billing-0",
            kafka_bootstrap=infrastructure.kafka_bootstrap,
            http_port=ports["api"],
            internal_port=ports["internal"],
            service_secret=SecretStr("made-up"),
            internal_callers={
                caller: hashlib.sha256(secret.encode()).hexdigest()
                for caller, secret in (("relay", RELAY_SECRET), ("logging", "other"))
            },
            postgres_dsn=SecretStr(database.dsn("billing")),
            control_internal_url=control_url,
        )
        async with (
            BackgroundTasks() as background,
            open_app(settings, background=background),
            aiohttp.ClientSession() as session,
        ):
            made = BillingService(
                api_url=f"http://{HOST}:{settings.http_port}",
                internal_url=f"http://{HOST}:{settings.internal_port}",
                session=session,
                signer=signer,
                pool=pool,
            )
            await until(made.is_ready, "billing is ready")
            yield made

    return start
