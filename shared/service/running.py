"""How every service runs: settings, logs, its composition root, until a signal or a failed task."""

import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from shared.service.background import BackgroundTasks
from shared.service.open_files import raise_open_files
from shared.service.settings import ServiceSettings
from shared.telemetry.logs import configure_logs, describe_exception, get_logger
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
    raise_open_files()
    exit_code = 0

    async def main(stop: asyncio.Event) -> None:
        nonlocal exit_code
        background = BackgroundTasks()
        opened, end = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(_serve(settings, open_app, background, opened, end))
        ends = [asyncio.create_task(event.wait()) for event in (stop, background.failed)]
        await asyncio.wait([serving, *ends], return_when=asyncio.FIRST_COMPLETED)
        exit_code = 0 if stop.is_set() else 1
        _logger.info("service.stopping", exit_code=exit_code)
        # What an application does at its end is not done under a cancellation, which would skip
        # all that stands behind a `yield`; one that still waits for what it needs is cut off.
        end.set()
        if not opened.is_set():
            serving.cancel()
        for task in ends:
            task.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            pass  # as asked
        except Exception as error:  # noqa: BLE001  # reported, and the process ends
            # Its message may quote anything; what an operator needs is where it came from.
            exit_code = 1
            _logger.critical("service.failed", **describe_exception(error))

    run_service(main)
    sys.exit(exit_code)


async def _serve(
    settings: _Settings,
    open_app: OpenApp[_Settings],
    background: BackgroundTasks,
    opened: asyncio.Event,
    end: asyncio.Event,
) -> None:
    async with open_app(settings, background=background):
        opened.set()
        _logger.info("service.started")
        await end.wait()


def configure_service_logs(service: str, settings: ServiceSettings) -> None:
    """The program log of one process, for `run` and for a service's commands."""
    configure_logs(
        service=service,
        instance=settings.instance,
        log_format=settings.log_format,
        level=settings.log_level,
    )
