"""`logging` as it runs, in this process, on a database of its own; control is played by hand."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

import services.logging
from deploy.local.ports import HOST, Ports
from deploy.local.stack import Stack
from services.logging.api.clean_ups import CleanUpsApi
from services.logging.api.history import HistoryApi
from services.logging.api.lists import ListApi
from services.logging.api.retention import RetentionApi
from services.logging.api.rollups import RollupsApi
from services.logging.api.stats import StatsApi
from services.logging.api.token import TokenApi
from services.logging.api.transparency import TransparencyApi
from services.logging.api.usage import UsageApi
from services.logging.app import open_app
from services.logging.disclosed import DISCLOSURE
from services.logging.listing.pages import Pages
from services.logging.listing.reading import Reading
from services.logging.listing.stats import LogStats
from services.logging.listing.store_explain import RequestRows
from services.logging.listing.store_search import LogSearch
from services.logging.metrics import LoggingMetrics
from services.logging.opening.requests import request_apis
from services.logging.requests.pages import CountedWithin
from services.logging.retention.clean_ups import CleanUps
from services.logging.retention.periods import Periods
from services.logging.routes import Apis, public_app
from services.logging.settings import LoggingSettings
from services.logging.transparency.gathering import Gathering
from services.logging.usage.store_rollup_rows import RollupRows
from services.logging.usage.store_usage_reads import UsageReads
from shared.http.assertion_keys import AssertionKeys
from shared.http.assertions import AssertionSigner
from shared.http.internal_client import InternalClient
from shared.http.serving import served
from shared.kafka.producer import IdempotentProducer
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.service.background import BackgroundTasks
from shared.service.clock import Clock, utc_now
from shared.transparency.live_schema import live_schema
from tests.control_keys import control_of
from tests.integration.kafka.waiting import until
from tests.integration.logging_service.clean_ups import clean_ups_running
from tests.integration.logging_service.log_api import LogApi
from tests.integration.logging_service.service import LoggingService
from tests.stack_fixtures import Database

SITE_DAYS = 90
"""For so long the site says that rows are kept; nobody has it carried out here."""
MIGRATIONS = Path(services.logging.__file__).parent / "migrations"


@pytest.fixture
async def tables(database: Database) -> Database:
    await migrate(database.dsn("logging_owner"), schema="logging", directory=MIGRATIONS)
    return database


@pytest.fixture
async def pool(tables: Database) -> AsyncIterator[asyncpg.Pool]:
    async with open_pool(
        tables.dsn("logging"), min_size=1, max_size=3, application_name="logging-test"
    ) as opened:
        yield opened


@pytest.fixture
async def producer(infrastructure: Stack) -> AsyncIterator[IdempotentProducer]:
    async with IdempotentProducer(
        bootstrap=infrastructure.kafka_bootstrap, client_id="logging-test"
    ) as made:
        yield made


@pytest.fixture
def signer() -> AssertionSigner:
    return AssertionSigner(bytes(range(32)))


@pytest.fixture
async def control_url(signer: AssertionSigner) -> AsyncIterator[str]:
    """What control says of its keys."""
    async with control_of(signer) as url:
        yield url


@pytest.fixture
def clock() -> Clock:
    """What the Log API's answers take for the present; a test may have its own."""
    return utc_now


@pytest.fixture
async def api(api_alone: LogApi, tables: Database) -> AsyncIterator[LogApi]:
    """The Log API, and whoever carries its clean-ups out."""
    async with clean_ups_running(tables):
        yield api_alone


@pytest.fixture
async def api_alone(
    signer: AssertionSigner,
    control_url: str,
    pool: asyncpg.Pool,
    infrastructure: Stack,
    clock: Clock,
) -> AsyncIterator[LogApi]:
    """The Log API, over a table that holds what the test writes and nothing else."""
    port = Ports()["api"]
    reading = Reading(pool, statement_timeout_ms=5_000)
    lists, metrics = Pages(reading), LoggingMetrics(CollectorRegistry())
    apis = Apis(
        lists=ListApi(lists=lists, search=LogSearch(reading), metrics=metrics),
        stats=StatsApi(stats=LogStats(reading), metrics=metrics, clock=clock),
        history=HistoryApi(requests=RequestRows(reading), metrics=metrics),
        clean_ups=CleanUpsApi(CleanUps(pool)),
        retention=RetentionApi(pool, Periods(SITE_DAYS)),
        token=TokenApi(lists=lists, metrics=metrics),
        transparency=TransparencyApi(
            Gathering({"logging": partial(live_schema, pool, DISCLOSURE)}), public_url=""
        ),
        usage=UsageApi(reads=UsageReads(reading), metrics=metrics),
        rollups=RollupsApi(rows=RollupRows(reading), metrics=metrics),
        requests=request_apis(
            reading,
            timeout_ms=5_000,
            bootstrap=infrastructure.kafka_bootstrap,
            client_id="logging-test",
            metrics=metrics,
            counted_within=CountedWithin(5_000, 5_000),
            ingest_wait_s=30.0,
        ),
    )
    async with (
        BackgroundTasks() as background,
        aiohttp.ClientSession() as session,
    ):
        background.start("live", apis.requests.tail.run())
        app = public_app(
            apis,
            keys=AssertionKeys(
                control=InternalClient(
                    session=session, base_url=control_url, caller="logging", secret="made-up"
                ),
                audience="logging",
            ),
        )
        async with served(app, host=HOST, port=port):
            yield LogApi(
                url=f"http://{HOST}:{port}", session=session, signer=signer, pool=pool, app=app
            )


@pytest.fixture
async def service(
    tables: Database,
    infrastructure: Stack,
    control_url: str,
    pool: asyncpg.Pool,
) -> AsyncIterator[LoggingService]:
    ports = Ports()
    settings = LoggingSettings(
        instance="logging-0",
        kafka_bootstrap=infrastructure.kafka_bootstrap,
        http_port=ports["api"],
        internal_port=ports["internal"],
        service_secret=SecretStr("made-up"),
        postgres_dsn=SecretStr(tables.dsn("logging")),
        control_internal_url=control_url,
        billing_internal_url=control_url,
    )
    async with (
        BackgroundTasks() as background,
        open_app(settings, background=background),
        aiohttp.ClientSession() as session,
    ):
        made = LoggingService(
            internal_url=f"http://{HOST}:{settings.internal_port}", session=session, pool=pool
        )
        await until(made.is_ready, "logging is ready")
        yield made
