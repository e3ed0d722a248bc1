"""The composition root of `logging`: the one place where its parts are made."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp

from services.logging.disclosed import DISCLOSURE
from services.logging.drift.metrics import DriftMetrics
from services.logging.metrics import LoggingMetrics
from services.logging.opening.answering import open_apis
from services.logging.opening.housekeeping import start_housekeeping
from services.logging.opening.ingest import log_consumer
from services.logging.opening.pools import open_pools
from services.logging.routes import public_app
from services.logging.settings import LoggingSettings
from services.logging.transparency.gathering import Gathering, ask_service
from shared.compiled.using import UNDECIDED, Running
from shared.http.assertion_keys import AssertionKeys
from shared.http.internal_client import InternalClient
from shared.http.internal_server import Readiness, internal_app
from shared.http.serving import served
from shared.kafka.metrics import OutboxMetrics
from shared.kafka.outbox import OutboxPublisher
from shared.kafka.producer import IdempotentProducer
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
        pools = await stack.enter_async_context(open_pools(settings, metrics))
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
        consumer = log_consumer(
            settings,
            pool=pools.writing,
            letters=letter_producer,
            metrics=metrics,
            registry=registry,
        )
        if settings.log_takes_in:
            readiness.add(
                "consumer", lambda: None if consumer.ready else "joining the consumer group"
            )
        control, billing = (
            InternalClient(
                session=session,
                base_url=url,
                caller=_SERVICE,
                secret=settings.service_secret.get_secret_value(),
            )
            for url in (settings.control_internal_url, settings.billing_internal_url)
        )
        apis = open_apis(
            settings,
            pool=pools.reading,
            gathering=Gathering(
                {
                    "control": ask_service(control),
                    "billing": ask_service(billing),
                    _SERVICE: partial(live_schema, pools.reading, DISCLOSURE),
                }
            ),
            metrics=metrics,
        )
        await stack.enter_async_context(background)
        if settings.log_takes_in:
            background.start("consumer", consumer.run())
        background.start("live", apis.requests.tail.run())
        drift = DriftMetrics(registry)
        start_housekeeping(background, settings, pools=pools, metrics=metrics, drift=drift)
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
                    routes=[schema_route(pools.reading, DISCLOSURE)],
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
