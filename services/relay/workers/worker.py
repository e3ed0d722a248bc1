"""One of several workers: the relay, with a line to its supervisor."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.relay.app import open_app
from services.relay.settings import RelaySettings
from services.relay.workers.link import SupervisorLink
from shared.compiled.using import Running
from shared.service.background import BackgroundTasks
from shared.service.running import run


def work(settings: RelaySettings, *, number: int, line_fd: int, code: Running) -> None:
    """Run worker `number` to its end; `line_fd` is its end of the line to the supervisor."""
    os.set_inheritable(line_fd, False)
    line = socket.socket(fileno=line_fd)
    line.setblocking(False)
    structlog.contextvars.bind_contextvars(worker=number)

    @asynccontextmanager
    async def opened(
        settings: RelaySettings, *, background: BackgroundTasks
    ) -> AsyncIterator[None]:
        async with (
            SupervisorLink.opened(line, failed=background.failed) as link,
            open_app(settings, background=background, place=link, code=code),
        ):
            yield

    run("relay", settings, opened)
