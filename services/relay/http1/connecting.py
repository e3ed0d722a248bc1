"""Making connections, to addresses that the egress policy allows and to no other."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

import aiohappyeyeballs

from services.relay.http1.target import Origin
from shared.http.egress import EgressPolicy, EgressRefusedError

# Another address is tried beside the first one after this time, as RFC 8305 has it.
_NEXT_ADDRESS_S: Final = 0.25


class Connector:
    """Connects to origins: plain, or over TLS with the peer's name verified."""

    def __init__(self, *, policy: EgressPolicy, tls: ssl.SSLContext) -> None:
        self._policy = policy
        self._tls = tls

    async def connect(self, origin: Origin, make: Callable[[], asyncio.Protocol]) -> None:
        """Raises OSError (EgressRefusedError among them) or ValueError. Bound it with a time-out.

        The address that was looked at is the one connected to, for names and for literals.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        allowed = [info for info in found if self._policy.allows(str(info[4][0]))]
        if not allowed:
            raise EgressRefusedError("every address of the name is in a network not allowed")
        connected = await aiohappyeyeballs.start_connection(
            allowed, happy_eyeballs_delay=_NEXT_ADDRESS_S
        )
        try:
            await loop.create_connection(
                make,
                sock=connected,
                ssl=self._tls if origin.is_tls else None,
                server_hostname=origin.host if origin.is_tls else None,
            )
        except BaseException:
            connected.close()
            raise
