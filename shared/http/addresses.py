"""From where a key may be used: addresses and ranges. Pure."""

import ipaddress
from functools import lru_cache
from typing import Final, TypeAlias

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_KEYS_AT_ONCE: Final = 10_000


def is_allowed(client_address: str, allowed: tuple[str, ...]) -> bool:
    """Whether the client's address is one of these or within one. What cannot be read is not.

    An IPv4 address that came over an IPv6 socket (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address(client_address)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in _networks(allowed))


@lru_cache(maxsize=_KEYS_AT_ONCE)
def _networks(allowed: tuple[str, ...]) -> tuple[_Network, ...]:
    # Reading one takes 5 µs, and a key may have a hundred: once for each list, not each request.
    networks = []
    for text in allowed:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue  # control checks them; one that came all the same lets nobody in
    return tuple(networks)
