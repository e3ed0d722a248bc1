"""A connection of httpcore2 to an address that the egress policy allows, and to no other."""

import asyncio
import socket
from collections.abc import Iterable

import httpcore2

from shared.http.egress import EgressPolicy, EgressRefusedError


class EgressBackend(httpcore2.AnyIOBackend):
    """For one connection. The address that was looked at is the one connected to."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._opened: httpcore2.AsyncNetworkStream | None = None

    async def close(self) -> None:
        """Close its socket, whatever state httpcore2 believes it to be in. Idempotent."""
        if self._opened is not None:
            await self._opened.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises OSError (EgressRefusedError among them) or httpcore2's errors of connecting."""
        try:
            async with asyncio.timeout(timeout):
                self._opened = await self._connect(host, port, local_address, socket_options)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None
        return self._opened

    async def _connect(
        self,
        host: str,
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        allowed = [str(info[4][0]) for info in found if self._policy.allows(str(info[4][0]))]
        if not allowed:
            raise EgressRefusedError("every address of the name is in a network not allowed")
        for address in allowed[:-1]:
            try:
                return await super().connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
            except httpcore2.ConnectError:
                continue
        return await super().connect_tcp(
            allowed[-1], port, local_address=local_address, socket_options=socket_options
        )
