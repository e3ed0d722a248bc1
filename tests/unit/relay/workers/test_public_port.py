"""A stranger on the public port would get a part of all connections, and nobody would be told."""

import asyncio
import socket

import pytest

from deploy.local.ports import HOST, Ports
from services.relay.workers.public_port import PortInUseError, kept


@pytest.fixture
def port() -> int:
    return Ports()["public"]


def listening(port: int, *options: int) -> socket.socket:
    made = socket.socket()
    for option in (socket.SO_REUSEADDR, *options):
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        made.bind((HOST, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEPORT,)])
async def test_a_port_that_somebody_listens_on_is_refused(
    port: int, options: tuple[int, ...]
) -> None:
    with listening(port, *options), pytest.raises(PortInUseError):
        async with kept(HOST, port, wait_s=0):
            pass


async def test_what_a_killed_relay_left_behind_is_waited_for(port: int) -> None:
    """Its workers notice within moments; a restart at once should not fail for that."""
    before = listening(port, socket.SO_REUSEPORT)
    asyncio.get_running_loop().call_later(0.3, before.close)
    async with kept(HOST, port, wait_s=10):
        assert before.fileno() < 0


async def test_workers_may_share_a_kept_port_and_nobody_else_gets_it(port: int) -> None:
    async with kept(HOST, port, wait_s=0):
        with listening(port, socket.SO_REUSEPORT), listening(port, socket.SO_REUSEPORT):
            pass
        with pytest.raises(OSError, match="in use"):
            listening(port)
        # Also while none of its workers listens: all of them may just be starting.
        with pytest.raises(PortInUseError):
            async with kept(HOST, port, wait_s=0):
                pass
    listening(port).close()


async def test_a_kept_port_gets_no_connection_that_nobody_would_take(port: int) -> None:
    async with kept(HOST, port, wait_s=0):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port), timeout=5)
        with listening(port, socket.SO_REUSEPORT) as worker:
            for _ in range(50):
                with socket.create_connection((HOST, port), timeout=5):
                    worker.accept()[0].close()


async def test_connections_of_a_relay_that_just_ended_do_not_keep_the_port(port: int) -> None:
    """They stay in TIME_WAIT for a minute, and a restart must not wait for them."""
    with listening(port) as server:
        client = socket.create_connection((HOST, port), timeout=5)
        server.accept()[0].close()  # who closes first waits
        client.close()
    async with kept(HOST, port, wait_s=0):
        listening(port, socket.SO_REUSEPORT).close()


async def test_open_connections_of_a_relay_that_stops_do_not_keep_the_port(port: int) -> None:
    """They last as long as their streams."""
    with listening(port, socket.SO_REUSEPORT) as server:
        client = socket.create_connection((HOST, port), timeout=5)
        accepted, _ = server.accept()
    with client, accepted:
        async with kept(HOST, port, wait_s=0):
            listening(port, socket.SO_REUSEPORT).close()
