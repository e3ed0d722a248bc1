"""Builds the clients of the providers that the settings name."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry

from services.relay.http1.client import KEEP_S, Http1Upstream
from services.relay.settings import RelaySettings
from services.relay.upstreams.aiohttp_client import AiohttpUpstream, open_session
from services.relay.upstreams.dispatching import Upstreams
from services.relay.upstreams.http2_client import Http2Upstream
from services.relay.upstreams.metrics import ConnectionMetrics
from services.relay.upstreams.proxied import ProxiedUpstream
from services.relay.upstreams.upstream import Upstream
from shared.http.egress import EgressPolicy


@asynccontextmanager
async def open_upstreams(
    settings: RelaySettings, registry: CollectorRegistry, egress: EgressPolicy
) -> AsyncIterator[Upstream]:
    """One for every call; those that few channels need are built when the first call asks."""
    tls = ssl.create_default_context()
    async with AsyncExitStack() as stack:

        def over_aiohttp() -> AiohttpUpstream:
            session = open_session(
                egress,
                tls=tls,
                max_connections=settings.upstream_max_connections,
                keep_s=KEEP_S,
            )
            stack.push_async_callback(session.close)
            return AiohttpUpstream(
                session,
                first_byte_s=settings.first_byte_timeout_s,
                idle_s=settings.idle_upstream_s,
                connect_s=settings.connect_timeout_s,
            )

        def over_http1() -> Http1Upstream:
            upstream = Http1Upstream(
                policy=egress,
                tls=tls,
                first_byte_s=settings.first_byte_timeout_s,
                idle_s=settings.idle_upstream_s,
                connect_s=settings.connect_timeout_s,
                max_connections=settings.upstream_max_connections,
            )
            ConnectionMetrics(registry, upstream.pool)
            stack.push_async_callback(upstream.close)
            return upstream

        def over_http2() -> Http2Upstream:
            upstream = Http2Upstream(
                policy=egress,
                tls=ssl.create_default_context(),
                first_byte_s=settings.first_byte_timeout_s,
                idle_s=settings.idle_upstream_s,
                connect_s=settings.connect_timeout_s,
                max_connections=settings.upstream_max_connections,
                keep_s=KEEP_S,
            )
            stack.push_async_callback(upstream.close)
            return upstream

        yield Upstreams(
            plain=over_http1() if settings.upstream_client == "http1" else over_aiohttp(),
            make_proxied=lambda: ProxiedUpstream(
                over_aiohttp(), policy=egress, first_byte_s=settings.first_byte_timeout_s
            ),
            make_http2=over_http2,
        )
