"""Control's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final

from aiohttp import web

from services.control.api.channel_health import ChannelHealthApi
from services.control.api.channels import ChannelsApi
from services.control.api.cookies import Cookies
from services.control.api.groups import GroupsApi
from services.control.api.internal import InternalApi
from services.control.api.limits import LimitsApi
from services.control.api.models import ModelsApi
from services.control.api.own_account import OwnAccountApi
from services.control.api.projects import ProjectsApi
from services.control.api.providers import ProvidersApi
from services.control.api.sessions import SessionsApi
from services.control.api.tokens import TokensApi
from services.control.api.users import UsersApi
from services.control.api.workspaces import WorkspacesApi
from services.control.channels.channel_probing import Prober, probing_session
from services.control.channels.channel_testing import ChannelTests
from services.control.channels.channels import Channels
from services.control.channels.health_listening import HealthListener
from services.control.channels.health_observing import observe_refused_keys
from services.control.channels.providers import Providers
from services.control.disclosed import DISCLOSURE
from services.control.errors import database_errors
from services.control.handlers import CONSUMER_GROUP, PROJECTED, project_ledger
from services.control.metrics import ControlMetrics
from services.control.people.own_account import OwnAccount
from services.control.routes import Apis, api_routes, internal_routes
from services.control.sessions.lockout import LockoutLimits
from services.control.sessions.login_guard import LoginGuard
from services.control.sessions.passwords import Passwords
from services.control.sessions.refreshing import Refreshing
from services.control.sessions.session_tokens import TokenChain
from services.control.sessions.sessions import Sessions
from services.control.settings import ControlSettings, decode_key
from services.control.state.state import render
from services.control.sweep import sweep_always
from shared.crypto.sealed import ChannelKeyBox
from shared.events.catalog import RELAY_HEALTH
from shared.http.assertions import AssertionSigner, AssertionVerifier
from shared.http.callers import authenticated
from shared.http.egress import EgressPolicy
from shared.http.envelope import envelope_errors
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
from shared.service.clock import utc_now
from shared.telemetry.metrics import new_registry
from shared.transparency.internal_route import schema_route

AUDIENCE: Final = "control"
_TRANSACTIONAL_ID: Final = "control-state"


class _OwnKeys:
    """Control verifies with the key that it signs with."""

    def __init__(self, signer: AssertionSigner) -> None:
        self._verifier = AssertionVerifier.from_jwks(signer.jwks(), audience=AUDIENCE)

    async def verifier(self) -> AssertionVerifier:
        return self._verifier


def _lockout_limits(settings: ControlSettings) -> LockoutLimits:
    return LockoutLimits(
        max_failures=settings.login_max_failures,
        first_lock=timedelta(seconds=settings.login_lock_s),
        longest_lock=timedelta(seconds=settings.login_longest_lock_s),
        address_failures=settings.login_address_failures,
        address_window=timedelta(seconds=settings.login_address_window_s),
    )


@asynccontextmanager
async def open_app(
    settings: ControlSettings, *, background: BackgroundTasks
) -> AsyncIterator[None]:
    """Everything opened in order, and closed in reverse."""
    registry = new_registry()
    metrics = ControlMetrics(registry)
    outbox_metrics = OutboxMetrics(registry)
    signer = AssertionSigner(decode_key(settings.signing_seed))
    dsn = settings.postgres_dsn.get_secret_value()
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
        passwords = await opened.enter_async_context(
            Passwords(workers=settings.password_workers, queue=settings.password_queue)
        )
        metrics.watch_passwords(passwords)
        producer = await opened.enter_async_context(
            IdempotentProducer(bootstrap=settings.kafka_bootstrap, client_id=settings.instance)
        )
        await opened.enter_async_context(background)
        start_up = StartUp(pool)
        background.start("start-up", start_up.watch())
        background.start(
            "state-publisher",
            StatePublisher(
                dsn=dsn,
                bootstrap=settings.kafka_bootstrap,
                transactional_id=_TRANSACTIONAL_ID,
                render=render,
                metrics=outbox_metrics,
            ).run(),
        )
        background.start(
            "event-publisher",
            OutboxPublisher(dsn=dsn, producer=producer, metrics=outbox_metrics).run(),
        )
        background.start("sweep", sweep_always(pool))
        background.start(
            "ledger",
            KeptTopicConsumer(
                bootstrap=settings.kafka_bootstrap,
                client_id=settings.instance,
                group=CONSUMER_GROUP,
                topics=[PROJECTED.name],
                pool=pool,
                handler=project_ledger,
                dead_letters=DeadLetters(producer=producer, group=CONSUMER_GROUP),
                # What is only shown must not stand still for one entry; billing has the truth.
                on_poison="dead-letter",
                metrics=ConsumerMetrics(registry),
            ).run(),
        )
        chain = TokenChain(decode_key(settings.signing_seed))
        guard = LoginGuard(pool=pool, limits=_lockout_limits(settings), clock=utc_now)
        sessions = Sessions(
            pool=pool,
            passwords=passwords,
            guard=guard,
            chain=chain,
            metrics=metrics,
            token_lifetime=timedelta(seconds=settings.session_token_s),
            lifetime=timedelta(seconds=settings.session_lifetime_s),
            clock=utc_now,
        )
        refreshing = Refreshing(
            pool=pool,
            chain=chain,
            metrics=metrics,
            token_lifetime=timedelta(seconds=settings.session_token_s),
            grace=timedelta(seconds=settings.refresh_grace_s),
            clock=utc_now,
        )
        own_account = OwnAccount(pool=pool, passwords=passwords, guard=guard, metrics=metrics)
        egress = EgressPolicy(settings.egress_allowed_networks)
        providers = Providers(egress=egress)
        box = ChannelKeyBox(decode_key(settings.master_key))
        channels = Channels(box=box, egress=egress, providers=providers)
        probing = await opened.enter_async_context(probing_session(egress))
        listener = HealthListener(pool)
        background.start("health", listener.run())
        background.start("refused-keys", observe_refused_keys(pool, metrics.refused_keys))
        background.start(
            "health-reader",
            StateTopicReader(
                bootstrap=settings.kafka_bootstrap,
                client_id=settings.instance,
                topics=[RELAY_HEALTH.name],
                apply=listener.apply,
                metrics=StateReaderMetrics(registry),
            ).run(),
        )
        apis = Apis(
            sessions=SessionsApi(
                pool=pool,
                sessions=sessions,
                refreshing=refreshing,
                cookies=Cookies(is_secure=settings.cookie_is_secure),
            ),
            users=UsersApi(pool=pool, passwords=passwords),
            tokens=TokensApi(pool=pool),
            channels=ChannelsApi(pool=pool, channels=channels),
            channel_health=ChannelHealthApi(
                pool=pool,
                channels=channels,
                tests=ChannelTests(pool=pool, box=box, prober=Prober(probing, egress)),
            ),
            models=ModelsApi(pool=pool),
            groups=GroupsApi(pool=pool),
            limits=LimitsApi(pool=pool),
            own_account=OwnAccountApi(pool=pool, own_account=own_account),
            workspaces=WorkspacesApi(pool=pool),
            projects=ProjectsApi(pool=pool),
            providers=ProvidersApi(pool=pool, providers=providers),
        )
        public = web.Application(
            middlewares=[envelope_errors, database_errors, authenticated(_OwnKeys(signer))]
        )
        public.router.add_routes(api_routes(apis))
        readiness = Readiness()
        readiness.add("database", start_up.database)
        readiness.add("publisher", start_up.publisher)
        internal = internal_app(
            registry=registry,
            readiness=readiness,
            callers=settings.internal_callers,
            routes=[
                *internal_routes(InternalApi(pool=pool, sessions=sessions, signer=signer)),
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
