"""How every service runs: settings, logs, its composition root, until a signal or a failed task."""

import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from shared.service.background import BackgroundTasks
from shared.service.settings import ServiceSettings
from shared.telemetry.logs import configure_logs, get_logger
from shared.telemetry.loop import run_service

_logger = get_logger()
_Settings = TypeVar("_Settings", bound=ServiceSettings)
_Settings_contra = TypeVar("_Settings_contra", bound=ServiceSettings, contravariant=True)


class OpenApp(Protocol[_Settings_contra]):
    """A service's composition root: opens everything in order, closes it in reverse."""

    def __call__(
        self, settings: _Settings_contra, *, background: BackgroundTasks
    ) -> AbstractAsyncContextManager[object]:
        """Ready when entered; long-running work is started on `background`."""


def run(service: str, settings: _Settings, open_app: OpenApp[_Settings]) -> None:
    """Run the service to its end. Exits 0 after a signal, 1 after a failed background task."""
    configure_service_logs(service, settings)
    exit_code = 0

    async def main(stop: asyncio.Event) -> None:
        nonlocal exit_code
        background = BackgroundTasks()
        async with open_app(settings, background=background):
            _logger.info("service.started")
            stopped = asyncio.create_task(stop.wait())
            failed = asyncio.create_task(background.failed.wait())
            await asyncio.wait((stopped, failed), return_when=asyncio.FIRST_COMPLETED)
            exit_code = 0 if stop.is_set() else 1
            for task in (stopped, failed):
                task.cancel()
            _logger.info("service.stopping", exit_code=exit_code)

    run_service(main)
    sys.exit(exit_code)


def configure_service_logs(service: str, settings: ServiceSettings) -> None:
    """The program log of one process, for `run` and for a service's commands."""
    configure_logs(
        service=service,
        instance=settings.instance,
        log_format=settings.log_format,
        level=settings.log_level,
    )
