"""A worker's end of the line."""

import asyncio
import signal
import socket
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.registry import Collector

from services.relay.settings import RelaySettings
from services.relay.workers.link import SupervisorLink
from services.relay.workers.report import families_of, read
from shared.http.internal_server import Readiness

_NO_SETTINGS = RelaySettings.model_construct()


async def test_a_worker_reports_what_it_waits_for_then_its_figures_and_all_of_them_at_its_end() -> (
    None
):
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    registry = CollectorRegistry()
    served = Counter("served", "Served", registry=registry)
    async with asyncio.timeout(20):
        async with SupervisorLink.opened(theirs, failed=asyncio.Event()) as link:
            assert (await read(reader)).waits_for == {"start": "starting"}
            async with link.told(_NO_SETTINGS, registry=registry, readiness=Readiness()):
                served.inc(2)
                report = await read(reader)
                assert report.is_ready
            served.inc(3)  # the last request ends while the worker stops
        report = await read(reader)
        while not reader.at_eof():
            try:
                report = await read(reader)
            except asyncio.IncompleteReadError:
                break
    (family,) = families_of(report.figures)
    assert family.samples[0].value == 5
    writer.close()


async def test_a_worker_whose_supervisor_is_gone_stops_as_if_it_were_asked_to() -> None:
    """Nobody would restart it, and the next relay could not have the port."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    try:
        ours, theirs = socket.socketpair()
        async with (
            asyncio.timeout(20),
            SupervisorLink.opened(theirs, failed=asyncio.Event()),
        ):
            ours.close()
            await asked.wait()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


class Broken(Collector):
    def collect(self) -> Iterable[Metric]:
        raise ValueError


async def test_a_worker_that_cannot_report_ends() -> None:
    """It would be taken for one that hangs, half a minute later."""
    ours, theirs = socket.socketpair()
    failed = asyncio.Event()
    registry = CollectorRegistry()
    try:
        async with (
            asyncio.timeout(20),
            SupervisorLink.opened(theirs, failed=failed) as link,
            link.told(_NO_SETTINGS, registry=registry, readiness=Readiness()),
        ):
            broken = Broken()
            registry.register(broken)
            await failed.wait()
            registry.unregister(broken)
    finally:
        ours.close()
