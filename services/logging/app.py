"""The composition root of `logging`: the one place where its parts are made."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp

from services.logging.api.clean_ups import CleanUpsApi
from services.logging.api.history import HistoryApi
from services.logging.api.lists import ListApi
from services.logging.api.retention import RetentionApi
from services.logging.api.rollups import RollupsApi
from services.logging.api.stats import StatsApi
from services.logging.api.token import TokenApi
from services.logging.api.transparency import TransparencyApi
from services.logging.api.usage import UsageApi
from services.logging.disclosed import DISCLOSURE
from services.logging.handlers import CONSUMES, GROUP, LogWriter
from services.logging.ingest.batch import Beside
from services.logging.listing.pages import Pages
from services.logging.listing.reading import Reading
from services.logging.listing.stats import LogStats
from services.logging.listing.store_explain import RequestRows
from services.logging.listing.store_search import LogSearch
from services.logging.metrics import LoggingMetrics
from services.logging.partitions.keeping import Keeper
from services.logging.rebuild.dirty import DirtyHours
from services.logging.rebuild.hours import HourRebuilder
from services.logging.requests.composition import request_apis
from services.logging.retention.clean_ups import CleanUps
from services.logging.retention.running import CleanUpRunner
from services.logging.routes import Apis, public_app
from services.logging.settings import LoggingSettings
from services.logging.transparency.gathering import Gathering, ask_service
from services.logging.usage.store_rollup_rows import RollupRows
from services.logging.usage.store_usage_reads import UsageReads
from services.logging.usage.watching_marks import MarksWatcher
from shared.compiled.using import UNDECIDED, Running
from shared.events.catalog import Kind
from shared.http.assertion_keys import AssertionKeys
from shared.http.internal_client import InternalClient
from shared.http.internal_server import Readiness, internal_app
from shared.http.serving import served
from shared.kafka.consumer import KeptTopicConsumer
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.metrics import ConsumerMetrics, OutboxMetrics
from shared.kafka.outbox import OutboxPublisher
from shared.kafka.producer import IdempotentProducer
from shared.postgres.pool import open_pool
from shared.service.background import BackgroundTasks
from shared.telemetry.logs import get_logger
from shared.telemetry.metrics import new_registry
from shared.transparency.internal_route import schema_route
from shared.transparency.live_schema import live_schema

_SERVICE = "logging"
_logger = get_logger()


@asynccontextmanager
async def open_app(
    settings: LoggingSettings, *, background: BackgroundTasks, code: Running = UNDECIDED
) -> AsyncIterator[None]:
    """Everything open, in order, until the block ends; then closed in reverse."""
    registry = new_registry()
    metrics = LoggingMetrics(registry)
    metrics.compiled.set(code.is_compiled)
    _logger.info("logging.code", is_compiled=code.is_compiled, reason=code.reason)
    readiness = Readiness()
    async with AsyncExitStack() as stack:
        # The consumer has connections of its own, so that slow lists never hold it up.
        writing = await stack.enter_async_context(
            open_pool(
                settings.postgres_dsn.get_secret_value(),
                min_size=1,
                max_size=3,
                application_name=f"{settings.instance} consumer",
            )
        )
        reading = await stack.enter_async_context(
            open_pool(
                settings.postgres_dsn.get_secret_value(),
                min_size=1,
                max_size=settings.postgres_pool_size,
                application_name=f"{settings.instance} api",
            )
        )
        # Nothing to mend is the rule: then it has no connection.
        mending = await stack.enter_async_context(
            open_pool(
                settings.postgres_dsn.get_secret_value(),
                min_size=0,
                max_size=3,
                application_name=f"{settings.instance} rebuild",
            )
        )
        metrics.watch_pool("consumer", writing)
        metrics.watch_pool("api", reading)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        # One for actions and one for dead letters: a failed send replaces its client.
        outbox_producer, letter_producer = [
            await stack.enter_async_context(
                IdempotentProducer(
                    bootstrap=settings.kafka_bootstrap, client_id=f"{settings.instance}-{use}"
                )
            )
            for use in ("outbox", "dead-letters")
        ]
        consumer = KeptTopicConsumer(
            bootstrap=settings.kafka_bootstrap,
            client_id=settings.instance,
            group=GROUP,
            topics=[topic.name for topic in CONSUMES if topic.kind is Kind.KEPT],
            pool=writing,
            handler=LogWriter(
                beside=Beside.over(writing, partition_hours=settings.log_partition_hours),
                metrics=metrics,
            ),
            dead_letters=DeadLetters(producer=letter_producer, group=GROUP),
            # A log row that nobody can write must not hold up those behind it; money is not here.
            on_poison="dead-letter",
            max_batch=settings.batch_max_records,
            max_batch_lagging=settings.batch_max_records_lagging,
            metrics=ConsumerMetrics(registry),
        )
        readiness.add("consumer", lambda: None if consumer.ready else "joining the consumer group")
        control, billing = (
            InternalClient(
                session=session,
                base_url=url,
                caller=_SERVICE,
                secret=settings.service_secret.get_secret_value(),
            )
            for url in (settings.control_internal_url, settings.billing_internal_url)
        )
        moment = Reading(reading, statement_timeout_ms=settings.list_timeout_ms)
        lists = Pages(moment)
        apis = Apis(
            lists=ListApi(lists=lists, search=LogSearch(moment), metrics=metrics),
            stats=StatsApi(stats=LogStats(moment), metrics=metrics),
            history=HistoryApi(requests=RequestRows(moment), metrics=metrics),
            clean_ups=CleanUpsApi(CleanUps(reading)),
            retention=RetentionApi(reading, settings.periods),
            token=TokenApi(lists=lists, metrics=metrics),
            transparency=TransparencyApi(
                Gathering(
                    {
                        "control": ask_service(control),
                        "billing": ask_service(billing),
                        _SERVICE: partial(live_schema, reading, DISCLOSURE),
                    }
                ),
                public_url=settings.public_url,
            ),
            usage=UsageApi(reads=UsageReads(moment), metrics=metrics),
            rollups=RollupsApi(rows=RollupRows(moment), metrics=metrics),
            requests=request_apis(
                moment,
                timeout_ms=settings.list_timeout_ms,
                bootstrap=settings.kafka_bootstrap,
                client_id=settings.instance,
                metrics=metrics,
            ),
        )
        await stack.enter_async_context(background)
        background.start("consumer", consumer.run())
        background.start("live", apis.requests.tail.run())
        background.start(
            "partitions",
            Keeper(reading, partition_hours=settings.log_partition_hours, metrics=metrics).run(),
        )
        background.start(
            "clean-ups",
            CleanUpRunner(
                dsn=settings.postgres_dsn.get_secret_value(),
                metrics=metrics,
                periods=settings.periods,
                pool=reading,
                partition_hours=settings.log_partition_hours,
            ).run(),
        )
        background.start(
            "rebuild",
            DirtyHours(
                mending,
                rebuilder=HourRebuilder(mending, partition_hours=settings.log_partition_hours),
            ).run(),
        )
        background.start(
            "freshness",
            MarksWatcher(
                bootstrap=settings.kafka_bootstrap,
                client_id=settings.instance,
                group=GROUP,
                pool=reading,
                metrics=metrics,
            ).run(),
        )
        background.start(
            "event-publisher",
            OutboxPublisher(
                dsn=settings.postgres_dsn.get_secret_value(),
                producer=outbox_producer,
                metrics=OutboxMetrics(registry),
            ).run(),
        )
        await stack.enter_async_context(
            served(
                internal_app(
                    registry=registry,
                    readiness=readiness,
                    callers=settings.internal_callers,
                    routes=[schema_route(reading, DISCLOSURE)],
                ),
                host=settings.internal_host,
                port=settings.internal_port,
            )
        )
        await stack.enter_async_context(
            served(
                public_app(apis, keys=AssertionKeys(control=control, audience=_SERVICE)),
                host=settings.http_host,
                port=settings.http_port,
            )
        )
        yield
