"""What is known of a request at its arrival: ids, time, address, made to fit the event's types."""

import ipaddress
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import uuid_utils
from aiohttp import web

from services.relay.exchange import Arrival
from shared.events.text import fit_text
from shared.telemetry.traces import TraceContext

_MAX_USER_AGENT: Final = 256
_MAPPED: Final = "::ffff:"
_KNOWN_QUERY_PARAMETERS: Final = frozenset({"api-version", "beta"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Arrivals:
    """Makes Arrivals. Forwarded addresses are believed from the operator's own proxies only."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(map(ipaddress.ip_network, trusted_proxies))

    def take(self, request: web.Request, *, path: str) -> Arrival:
        """The arrival of `request`; `path` is its route's."""
        unique = uuid_utils.uuid7()
        raw_agent = request.headers.get("User-Agent", "")
        user_agent = fit_text(raw_agent, _MAX_USER_AGENT)
        return Arrival(
            request_id=str(unique),
            id_bytes=unique.bytes,
            trace=TraceContext.from_header(request.headers.get("traceparent")),
            started_at=datetime.now(UTC),
            started=time.perf_counter(),
            method=request.method,
            path=path,
            query_parameters=tuple(
                name for name in _KNOWN_QUERY_PARAMETERS if name in request.query
            )
            if request.query_string
            else (),
            client_address=self.client_address(request),
            user_agent=user_agent,
            fitted=() if user_agent == raw_agent else ("user_agent",),
        )

    def client_address(self, request: web.Request) -> str:
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
