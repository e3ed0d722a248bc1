"""A relay of several workers: the supervisor's process, from its settings to its exit code."""

import asyncio
import signal
import sys
from typing import Final

from prometheus_client import CollectorRegistry

from services.relay.settings import RelaySettings
from services.relay.workers.metrics import WorkerMetrics
from services.relay.workers.process import relay_command
from services.relay.workers.public_port import PortInUseError, kept
from services.relay.workers.supervisor import Supervisor
from services.relay.workers.surface import WorkersCollector, WorkersReadiness
from shared.http.internal_server import internal_app
from shared.http.serving import served
from shared.service.open_files import raise_open_files
from shared.service.running import configure_service_logs
from shared.telemetry.logs import describe_exception, get_logger
from shared.telemetry.loop import run_service
from shared.telemetry.metrics import new_registry

_AFTER_REQUESTS_S: Final = 25.0
"""What a worker may need beyond its open requests: leases to close, the journal to publish."""
_PORT_S: Final = 5.0
"""How long workers of a supervisor that was killed may take to leave the port."""
_logger = get_logger()


def supervise(settings: RelaySettings) -> None:
    """Run the workers to their end. Exits 0 after a signal, 1 when they could not run."""
    configure_service_logs("relay", settings)
    raise_open_files()
    exit_code = 1

    async def main(stop: asyncio.Event) -> None:
        nonlocal exit_code
        try:
            exit_code = await _supervise(settings, stop)
        except PortInUseError:
            _logger.critical("relay.port_in_use", host=settings.http_host, port=settings.http_port)
        except Exception as error:  # noqa: BLE001  # reported, and the process ends
            _logger.critical("service.failed", **describe_exception(error))

    run_service(main)
    sys.exit(exit_code)


async def _supervise(settings: RelaySettings, stop: asyncio.Event) -> int:
    hurry = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _asked, stop, hurry)
    own, exposed = new_registry(), CollectorRegistry()
    collector = WorkersCollector(own)
    exposed.register(collector)
    supervisor = Supervisor(
        settings.relay_workers,
        command=relay_command,
        hang_s=settings.worker_hang_s,
        stop_s=settings.graceful_stop_s + _AFTER_REQUESTS_S,
        metrics=WorkerMetrics(own),
        bury=collector.bury,
    )
    collector.slots = supervisor.slots
    internal = internal_app(
        registry=exposed,
        readiness=WorkersReadiness(supervisor.slots),
        callers=settings.internal_callers,
    )
    async with (
        kept(settings.http_host, settings.http_port, wait_s=_PORT_S),
        served(internal, host=settings.internal_host, port=settings.internal_port),
    ):
        _logger.info("service.started", workers=settings.relay_workers)
        exit_code = await supervisor.run(stop=stop, hurry=hurry)
        _logger.info("service.stopping", exit_code=exit_code)
    return exit_code


def _asked(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """To stop; the second time, at once."""
    (hurry if stop.is_set() else stop).set()
