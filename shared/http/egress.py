"""Which addresses a URL that a person gave may lead to.

Private, loopback, link-local and other special networks are refused unless the operator allows
them. The check is made on the resolved address, at the moment of connecting, and that address is
the one connected to: a name that resolves differently a moment later gains nothing.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SCHEMES: Final = frozenset({"http", "https"})


_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class EgressRefusedError(OSError):
    """The address lies in a network that the operator does not allow."""


class EgressPolicy:
    """The networks that are allowed although they are not public."""

    def __init__(self, allowed_networks: Sequence[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(map(ipaddress.ip_network, allowed_networks))

    def allows(self, address: str) -> bool:
        """Whether an IP address may be connected to."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address):
            ip = _led_to(ip)
        if any(ip.version == network.version and ip in network for network in self._allowed):
            return True
        return ip.is_global and not ip.is_multicast

    def check_url(self, url: str) -> None:
        """Refuse a URL that can be seen to be wrong without resolving its name. Raises ValueError.

        A literal private address is refused here, a name that resolves to one when connecting.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ValueError("an http or https URL with a host is needed")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL may not carry a user name or a password")
        if parts.query or parts.fragment:
            raise ValueError("a base URL may not carry a query or a fragment")
        try:
            # As aiohttp reads it: digits and dots of other scripts are an address there too.
            literal = ipaddress.ip_address(URL(url).host or parts.hostname)
        except ValueError:
            return
        if not self.allows(str(literal)):
            raise ValueError("the address is in a network that is not allowed")


class EgressResolver(AbstractResolver):
    """An aiohttp resolver that gives out allowed addresses only.

    aiohttp connects to a literal address without asking its resolver: `check_url` covers those.
    """

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises EgressRefusedError where no address of the name is allowed."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [result for result in found if self._policy.allows(result["host"])]
        if not allowed:
            raise EgressRefusedError("every address of the name is in a network not allowed")
        return allowed

    async def close(self) -> None:
        """Nothing is held open."""
        await self._resolver.close()


def _led_to(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that some of IPv6 stand for."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
