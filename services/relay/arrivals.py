"""What is known of a request at its arrival: ids, time, address, made to fit the event's types."""

import ipaddress
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import uuid_utils
from aiohttp import web

from services.relay.client_headers import (
    RETRY_COUNT_HEADER,
    host_of,
    origin_of,
    retry_count_of,
)
from services.relay.exchange import Arrival
from shared.events.text import fit_text
from shared.telemetry.traces import TraceContext, new_traceparent

_MAX_USER_AGENT: Final = 256
_MAPPED: Final = "::ffff:"
_KNOWN_QUERY_PARAMETERS: Final = frozenset({"api-version", "beta"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Arrivals:
    """Makes Arrivals. Forwarded addresses are believed from the operator's own proxies only."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(map(ipaddress.ip_network, trusted_proxies))

    def take(self, request: web.BaseRequest, *, path: str) -> Arrival:
        """The arrival of `request`; `path` is its route's."""
        headers = request.headers
        unique = uuid_utils.uuid7()
        raw_agent = headers.get("User-Agent", "")
        user_agent = fit_text(raw_agent, _MAX_USER_AGENT)
        if "traceparent" in headers:
            trace = TraceContext.from_header(headers["traceparent"])
            trace_id, traceparent = trace.trace_id, trace.header()
            parent_span_id = trace.parent_id
        else:
            trace_id, traceparent = new_traceparent()
            parent_span_id = None
        origin = headers.get("Origin")
        host = headers.get("Host")
        retry_count = headers.get(RETRY_COUNT_HEADER)
        return Arrival(
            str(unique),
            unique.bytes,
            trace_id,
            traceparent,
            datetime.now(UTC),
            time.perf_counter(),
            request.method,
            path,
            tuple(name for name in _KNOWN_QUERY_PARAMETERS if name in request.query)
            if "?" in request.raw_path
            else (),
            self.client_address(request),
            user_agent,
            () if user_agent is raw_agent else ("user_agent",),
            parent_span_id,
            "" if origin is None else origin_of(origin),
            "" if host is None else host_of(host),
            None if retry_count is None else retry_count_of(retry_count),
        )

    def client_address(self, request: web.BaseRequest) -> str:
        """The client's address: the peer's, or the last forwarded one that is not our proxy's."""
        peer = _plain(request.remote or "")
        if not self._trusted or not self._is_trusted(peer):
            return peer
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        for part in reversed(forwarded):
            if not _is_address(part.strip()):
                break
            address = _plain(part.strip())
            if not self._is_trusted(address):
                return address
        return peer

    def _is_trusted(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip.version == network.version and ip in network for network in self._trusted)


def _plain(address: str) -> str:
    """An IPv4 address that came over an IPv6 socket, as the IPv4 address that people list."""
    if not address.startswith(_MAPPED):
        return address
    mapped = ipaddress.IPv6Address(address).ipv4_mapped
    return address if mapped is None else str(mapped)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone is this machine's own affair, and may be of any length
