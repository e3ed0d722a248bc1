"""The public port, kept for one relay's workers.

Workers join a port with SO_REUSEPORT, and so could a stranger of the same user: the kernel would
deal half of all connections to it, and nobody would be told.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final

_LOOK_EVERY_S: Final = 0.1


class PortInUseError(OSError):
    """Somebody else listens on the port, or keeps it for workers."""


@asynccontextmanager
async def kept(host: str, port: int, *, wait_s: float) -> AsyncIterator[None]:
    """Keep the port for sockets that share it, for the time of the block.

    Raises PortInUseError when somebody still has it after `wait_s`.
    """
    deadline = asyncio.get_running_loop().time() + wait_s
    with ExitStack() as stack:
        for family, address in _addresses(host, port):
            while True:
                try:
                    _require_free(family, address)
                    stack.enter_context(_hold(family, address))
                    break
                except PortInUseError:
                    if asyncio.get_running_loop().time() >= deadline:
                        raise
                    await asyncio.sleep(_LOOK_EVERY_S)
        yield


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, address[:2]) for family, _, _, _, address in found]  # type: ignore[misc]


def _require_free(family: int, address: tuple[str, int]) -> None:
    # Only a socket that listens is refused by those that are bound and do not.
    with _bound(family, address) as probe:
        try:
            probe.listen(1)
        except OSError as error:
            raise PortInUseError(*error.args) from error


def _hold(family: int, address: tuple[str, int]) -> socket.socket:
    # Bound and not listening: it gets no connection, so that the kernel gives all to the workers.
    held = _bound(family, address, socket.SO_REUSEPORT)
    # From now on only who shares the port may have it: others would share the address.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return held


def _bound(family: int, address: tuple[str, int], *options: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As servers do, so that connections in TIME_WAIT do not count.
        for option in (socket.SO_REUSEADDR, *options):
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        raise PortInUseError(*error.args) from error
    return made
