"""The relay's composition root: the one file that builds concrete things, in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import aiohttp

from services.relay.admission import Admission
from services.relay.answering.attempts import Attempts
from services.relay.answering.draining import DrainLimits
from services.relay.answering.passing import Passing
from services.relay.api.calls import relayed
from services.relay.api.dispatcher import public_server
from services.relay.api.documentation import documentation
from services.relay.api.door import Door
from services.relay.api.errors import malformed
from services.relay.api.models import list_models, retrieve_model
from services.relay.api.signing_in import SigningIn
from services.relay.api.status import status
from services.relay.arrivals import Arrivals
from services.relay.books.budgets import BudgetBook
from services.relay.books.directory import DirectoryBook
from services.relay.books.keys import KeyBook
from services.relay.books.prices import PriceBook
from services.relay.books.routing import RoutingBook
from services.relay.callers.authentication import Authenticator
from services.relay.callers.key_lookup import ControlKeyLookup
from services.relay.dialects.calls import CALLS
from services.relay.handlers import CONSUMES, PASSED_OVER, StateHandlers
from services.relay.health.composition import make_health
from services.relay.journal.directory import JournalDirectory
from services.relay.journal.journal import Journal
from services.relay.journal.syncing import Syncing
from services.relay.journal.tending import tend
from services.relay.leases.billing_client import BillingLeases
from services.relay.leases.holding import Holding
from services.relay.leases.lease_keeper import LeaseKeeper
from services.relay.leases.leasing import LeaseLimits
from services.relay.limits.composition import make_limits
from services.relay.metrics import CodeMetrics, JournalMetrics, LeaseMetrics, RequestMetrics
from services.relay.open_requests import OpenRequests
from services.relay.publishing.observing import observe
from services.relay.publishing.publisher import Publisher
from services.relay.publishing.recovery import Recovery
from services.relay.recording.recorder import Recorder
from services.relay.recording.rejections import Rejections
from services.relay.relaying import Relaying
from services.relay.routes import Surface, owners, relay_routes
from services.relay.running_code import tell_code
from services.relay.settings import RelaySettings
from services.relay.upstreams.composition import open_upstreams
from services.relay.version import VERSION
from services.relay.workers.place import Place
from shared.compiled.using import Running
from shared.crypto.sealed import ChannelKeyBox
from shared.events.event import new_event_id
from shared.http.egress import EgressPolicy
from shared.http.internal_client import InternalClient
from shared.http.internal_server import Readiness
from shared.http.serving import served
from shared.kafka.errors import SendError
from shared.kafka.metrics import StateReaderMetrics
from shared.kafka.producer import IdempotentProducer
from shared.kafka.state_reader import StateTopicReader
from shared.service.background import BackgroundTasks
from shared.telemetry.logs import get_logger
from shared.telemetry.metrics import new_registry

_FLUSH_S: Final = 10.0
_logger = get_logger()


@asynccontextmanager
async def open_app(
    settings: RelaySettings, *, background: BackgroundTasks, place: Place, code: Running
) -> AsyncIterator[None]:
    """Open the relay; at the end: stop accepting, finish, close leases, flush the journal."""
    registry = new_registry()
    tell_code(code, CodeMetrics(registry))
    request_metrics = RequestMetrics(registry)
    lease_metrics, journal_metrics = LeaseMetrics(registry), JournalMetrics(registry)
    relay_id = new_event_id()
    egress = EgressPolicy(settings.egress_allowed_networks)
    async with AsyncExitStack() as stack:
        internal_session = await stack.enter_async_context(aiohttp.ClientSession())
        upstream = await stack.enter_async_context(open_upstreams(settings, registry, egress))
        control = InternalClient(
            session=internal_session,
            base_url=settings.control_internal_url,
            caller="relay",
            secret=settings.service_secret.get_secret_value(),
        )
        billing = InternalClient(
            session=internal_session,
            base_url=settings.billing_internal_url,
            caller="relay",
            secret=settings.service_secret.get_secret_value(),
        )
        exchange = BillingLeases(billing)

        # What the relay knows: state topics, read into books.
        keys, directory = KeyBook(registry), DirectoryBook()
        prices, budgets, limits = PriceBook(), BudgetBook(), make_limits(settings, registry)
        routing = RoutingBook(box=ChannelKeyBox(settings.master_key_bytes()), egress=egress)
        health = make_health(settings, registry, relay_id=relay_id)
        state = StateHandlers(
            keys=keys,
            routing=routing,
            directory=directory,
            prices=prices,
            budgets=budgets,
            limits=limits.book,
            health=health.keeper,
        )
        reader = StateTopicReader(
            bootstrap=settings.kafka_bootstrap,
            client_id=settings.instance,
            topics=[topic.name for topic in CONSUMES],
            apply=state.apply,
            states=state.states,
            passed_over=PASSED_OVER,
            metrics=StateReaderMetrics(registry),
        )

        # What must not be lost: the journal, and what publishes it.
        producer = await stack.enter_async_context(
            IdempotentProducer(
                bootstrap=settings.kafka_bootstrap, client_id=f"{settings.instance}-{relay_id}"
            )
        )
        journal_directory = JournalDirectory.create(settings.journal_dir, relay_id)
        stack.callback(journal_directory.unlock)
        journal = Journal(
            journal_directory,
            segment_bytes=settings.journal_segment_bytes,
            max_bytes=settings.journal_max_bytes,
        )
        stack.callback(journal.close)
        syncing = Syncing(journal, settings.journal_fsync)
        rejections = Rejections(request_metrics)
        publisher = Publisher(
            relay_id=relay_id,
            journal=journal,
            rejections=rejections,
            producer=producer,
            metrics=journal_metrics,
        )
        recovery = Recovery(
            root=settings.journal_dir,
            producer=producer,
            exchange=exchange,
            metrics=journal_metrics,
        )
        leases = LeaseKeeper(
            relay_id=relay_id,
            exchange=exchange,
            journal=journal,
            limits=LeaseLimits(
                first_reserve_units=settings.lease_first_reserve_units,
                validity_s=settings.lease_validity_s,
                heartbeat_s=settings.lease_heartbeat_s,
            ),
            wait_s=settings.lease_wait_s,
            metrics=lease_metrics,
        )

        # The way of a request.
        arrivals, open_requests = Arrivals(settings.trusted_proxies), OpenRequests()
        recorder = Recorder(journal=journal, leases=leases, metrics=request_metrics)
        stack.callback(recorder.tell)
        relaying = Relaying(
            arrivals=arrivals,
            authenticator=Authenticator(
                keys=keys, directory=directory, lookup=ControlKeyLookup(control)
            ),
            admission=Admission(routing=routing, prices=prices, budgets=budgets),
            routing=routing,
            limiter=limits.limiter,
            holding=Holding(leases),
            journal=journal,
            attempts=Attempts(
                upstream=upstream,
                routing=routing,
                max_tries=settings.max_tries,
                first_byte_s=settings.first_byte_timeout_s,
                metrics=request_metrics,
                health=health.keeper,
            ),
            passing=Passing(
                recorder=recorder,
                durable=syncing.durable if settings.journal_fsync == "always" else None,
                max_answer_bytes=settings.max_answer_bytes,
                client_idle_s=settings.idle_client_s,
                drain=DrainLimits(
                    before_content_s=min(settings.drain_before_content_s, settings.idle_upstream_s),
                    rest_s=settings.drain_s,
                ),
            ),
            recorder=recorder,
            rejections=rejections,
            metrics=request_metrics,
            open_requests=open_requests,
            body_timeout_s=settings.body_timeout_s,
        )
        door = Door(
            owners=owners(settings),
            sign_in=SigningIn(control),
            session=internal_session,
            client_address=arrivals.client_address,
            client_idle_s=settings.idle_client_s,
        )
        public = public_server(
            relay_routes(
                Surface(
                    calls=[(call, relayed(relaying, call)) for call in CALLS],
                    models=list_models(relaying, routing, prices),
                    model=retrieve_model(relaying, routing, prices),
                    status=status(version=VERSION, started_at=datetime.now(UTC)),
                    door=door,
                    documentation=documentation(),
                )
            ),
            max_body_bytes=settings.max_body_bytes,
        )
        readiness = Readiness()
        readiness.add("state", lambda: None if reader.ready else "reading the state topics")
        is_open = asyncio.Event()
        readiness.add("door", lambda: None if is_open.is_set() else "the public port is not open")
        readiness.note("limits", limits.note)

        await stack.enter_async_context(
            _published_to_the_end(publisher, leases, journal, journal_directory)
        )
        await stack.enter_async_context(background)
        for name, work in {
            "state": reader.run(),
            "leases": leases.run(),
            "publisher": publisher.run(),
            "recovery": recovery.run(),
            "sync": syncing.run(),
            "journal": tend(journal),
            "observer": observe(journal, publisher, leases, journal_metrics, lease_metrics),
            **limits.background(),
            **health.background(producer, routing.label),
        }.items():
            background.start(name, work)
        await stack.enter_async_context(
            place.told(settings, registry=registry, readiness=readiness)
        )
        # Nobody is served by a relay whose events nobody waits for.
        await asyncio.gather(reader.wait_ready(), publisher.introduced.wait())
        # Runs once the public port is closed, which waits for open requests and forgets the rest.
        stack.push_async_callback(open_requests.end)
        await stack.enter_async_context(
            served(
                public,
                host=settings.http_host,
                port=settings.http_port,
                shutdown_timeout_s=settings.graceful_stop_s,
                keep_alive_s=settings.keep_alive_s,
                head_s=settings.header_timeout_s,
                client_idle_s=settings.idle_client_s,
                refuse=malformed,
                reuse_port=place.shares_port,
            )
        )
        is_open.set()
        # Who stops is not ready, though it still finishes requests: those that come to an end.
        stack.callback(_begin_to_stop, is_open, door)
        yield


def _begin_to_stop(is_open: asyncio.Event, door: Door) -> None:
    is_open.clear()
    door.end_streams()


@asynccontextmanager
async def _published_to_the_end(
    publisher: Publisher, leases: LeaseKeeper, journal: Journal, directory: JournalDirectory
) -> AsyncIterator[None]:
    """At the end, with no request left: close the leases, publish the rest, mark the relay closed.

    What cannot be done in time stays in the journal, and the next relay on this machine does it.
    """
    yield
    await leases.close_all()
    is_done = await publisher.flush(deadline_s=_FLUSH_S) and not journal.leases
    if is_done and not journal.in_flight:
        with suppress(SendError, TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await publisher.mark(closed=True)
            journal.close()
            directory.remove()
            return
    journal.write_published()
    _logger.warning(
        "relay.left_to_recover", unpublished=journal.unpublished_count, leases=len(journal.leases)
    )
