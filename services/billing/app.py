"""Billing's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web

from services.billing.accounts.key_terms import ControlKeys
from services.billing.api.accounts import AccountsApi
from services.billing.api.budgets import BudgetsApi
from services.billing.api.charges import ChargesApi
from services.billing.api.drafts import DraftsApi
from services.billing.api.grants import GrantsApi
from services.billing.api.hours import HoursApi
from services.billing.api.leases import LeasesApi
from services.billing.api.ledger import LedgerApi
from services.billing.api.moves import MovesApi
from services.billing.api.prices import PricesApi
from services.billing.api.tools import TOOL_PATHS, ToolsApi, dashboard_errors
from services.billing.api.what_if import WhatIfApi
from services.billing.directory import Directory
from services.billing.disclosed import DISCLOSURE
from services.billing.drift.metrics import DriftMetrics
from services.billing.drift.watching import watch_drift
from services.billing.errors import database_errors
from services.billing.handlers import CHARGED, CONSUMER_GROUP, ChargeRequests
from services.billing.keys.key_quotas import KeyQuotas
from services.billing.metrics import BillingMetrics
from services.billing.routes import Apis, api_routes, internal_routes
from services.billing.settings import BillingSettings
from services.billing.state_topics import render
from services.billing.sweep import sweep_always
from services.billing.usage.store_hours import HoursOfUse
from services.billing.what_if.working import work_always
from shared.events.catalog import CONTROL_DIRECTORY
from shared.http.assertion_keys import AssertionKeys
from shared.http.callers import authenticated
from shared.http.cross_origin import cross_origin
from shared.http.envelope import envelope_errors
from shared.http.internal_client import InternalClient
from shared.http.internal_server import Readiness, internal_app
from shared.http.serving import served
from shared.kafka.consumer import KeptTopicConsumer
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.metrics import ConsumerMetrics, OutboxMetrics, StateReaderMetrics
from shared.kafka.outbox import OutboxPublisher
from shared.kafka.producer import IdempotentProducer
from shared.kafka.start_up import StartUp
from shared.kafka.state_publisher import StatePublisher
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.pool import open_pool
from shared.service.background import BackgroundTasks
from shared.telemetry.metrics import new_registry
from shared.transparency.internal_route import schema_route

SERVICE: Final = "billing"
_TRANSACTIONAL_ID: Final = "billing-state"


@asynccontextmanager
async def open_app(
    settings: BillingSettings, *, background: BackgroundTasks
) -> AsyncIterator[None]:
    """Everything opened in order, and closed in reverse."""
    registry = new_registry()
    metrics = BillingMetrics(registry)
    outbox_metrics = OutboxMetrics(registry)
    dsn = settings.postgres_dsn.get_secret_value()
    bootstrap = settings.kafka_bootstrap
    async with AsyncExitStack() as opened:
        pool = await opened.enter_async_context(
            open_pool(
                dsn,
                min_size=2,
                max_size=settings.postgres_pool_size,
                application_name=settings.instance,
            )
        )
        metrics.watch_pool(pool)
        session = await opened.enter_async_context(aiohttp.ClientSession())
        # One for the ledger and one for dead letters: a failed send replaces its client.
        outbox_producer, letter_producer = [
            await opened.enter_async_context(
                IdempotentProducer(bootstrap=bootstrap, client_id=f"{settings.instance}-{use}")
            )
            for use in ("outbox", "dead-letters")
        ]
        key_quotas = KeyQuotas(pool)
        metrics.watch_key_quotas(lambda: key_quotas.waiting)
        directory = Directory(on_key=key_quotas.note)
        directory_reader = StateTopicReader(
            bootstrap=bootstrap,
            client_id=settings.instance,
            topics=[CONTROL_DIRECTORY.name],
            apply=directory.apply,
            metrics=StateReaderMetrics(registry),
        )
        consumer = KeptTopicConsumer(
            bootstrap=bootstrap,
            group=CONSUMER_GROUP,
            client_id=settings.instance,
            topics=[CHARGED.name],
            pool=pool,
            handler=ChargeRequests(metrics),
            dead_letters=DeadLetters(producer=letter_producer, group=CONSUMER_GROUP),
            on_poison="halt",
            metrics=ConsumerMetrics(registry),
        )
        start_up = StartUp(pool)
        await opened.enter_async_context(background)
        background.start("start-up", start_up.watch())
        background.start("directory", directory_reader.run())
        background.start("key-quotas", key_quotas.apply_always())
        background.start("consumer", consumer.run())
        background.start(
            "event-publisher",
            OutboxPublisher(dsn=dsn, producer=outbox_producer, metrics=outbox_metrics).run(),
        )
        background.start(
            "state-publisher",
            StatePublisher(
                dsn=dsn,
                bootstrap=bootstrap,
                transactional_id=_TRANSACTIONAL_ID,
                render=render,
                metrics=outbox_metrics,
            ).run(),
        )
        background.start("sweep", sweep_always(pool, metrics, directory))
        background.start("what-if", work_always(pool))
        background.start("drift", watch_drift(pool, DriftMetrics(registry)))

        readiness = Readiness()
        readiness.add("database", start_up.database)
        readiness.add("publisher", start_up.publisher)
        readiness.add(
            "directory", lambda: None if directory_reader.ready else "reading control.directory"
        )
        readiness.add(
            "key-quotas",
            lambda: (
                None
                if directory_reader.ready and key_quotas.have_caught_up()
                else "applying what keys may spend"
            ),
        )
        readiness.add("consumer", lambda: None if consumer.ready else "joining the consumer group")
        control = InternalClient(
            session=session,
            base_url=settings.control_internal_url,
            caller=SERVICE,
            secret=settings.service_secret.get_secret_value(),
        )
        leases = LeasesApi(pool=pool, metrics=metrics)
        apis = Apis(
            accounts=AccountsApi(pool=pool, directory=directory, metrics=metrics),
            ledger=LedgerApi(pool=pool),
            leases=leases,
            prices=PricesApi(pool=pool, directory=directory),
            drafts=DraftsApi(pool=pool),
            charges=ChargesApi(pool),
            moves=MovesApi(pool=pool, directory=directory, metrics=metrics),
            grants=GrantsApi(pool=pool, directory=directory),
            hours=HoursApi(HoursOfUse(pool)),
            budgets=BudgetsApi(pool=pool, directory=directory),
            tools=ToolsApi(pool=pool, keys=ControlKeys(control)),
            what_if=WhatIfApi(pool),
        )
        keys = AssertionKeys(control=control, audience=SERVICE)
        public = web.Application(
            middlewares=[
                cross_origin(TOOL_PATHS),
                envelope_errors,
                dashboard_errors,
                database_errors,
                authenticated(keys),
            ]
        )
        public.router.add_routes(api_routes(apis))
        internal = internal_app(
            registry=registry,
            readiness=readiness,
            callers=settings.internal_callers,
            routes=[
                *internal_routes(leases),
                schema_route(pool, DISCLOSURE),
            ],
        )
        await opened.enter_async_context(
            served(internal, host=settings.internal_host, port=settings.internal_port)
        )
        await opened.enter_async_context(
            served(public, host=settings.http_host, port=settings.http_port)
        )
        yield
