"""The stack's own programs: the services, the simulated provider, and commands that end."""

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import aiohttp

from deploy.local.environment import (
    REPOSITORY,
    ServiceEnvironment,
    internal_url,
    program_environment,
)
from deploy.local.ports import HOST
from deploy.local.processes import ManagedProcess, ProcessSpec
from deploy.local.spec import StackSpec

_COMMAND_DEADLINE_S = 60.0
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=2)
_READY_STATUS = 200


class Programs:
    """Knows the command line, the environment and the health check of each program."""

    def __init__(self, *, spec: StackSpec, environment: ServiceEnvironment) -> None:
        self._spec = spec
        self._environment = environment

    def declare(self) -> Iterator[ManagedProcess]:
        """The programs that run as long as the stack does."""
        port = self._environment.ports["simulator"]
        if is_written("deploy/simulator/__main__.py"):
            yield self._program(
                "simulator",
                "deploy.simulator",
                *("--host", HOST, "--port", str(port)),
                environment=program_environment(),
                health=f"http://{HOST}:{port}/health",
            )
        for service, instance in self._spec.instances():
            if is_written(f"services/{service}/__main__.py"):
                internal = internal_url(self._environment.ports, service, instance)
                yield self._program(
                    f"{service}-{instance}",
                    f"services.{service}",
                    environment=self._environment.of(service, instance),
                    health=f"{internal}/health/ready",
                )

    async def run(
        self,
        name: str,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        stdin: str | None = None,
    ) -> None:
        """Run a module to its end.

        Raises ProcessFailedError with its last lines when it fails, TimeoutError when it takes
        more than a minute.
        """
        process = self._program(name, module, *arguments, environment=environment, health="")
        await process.start(stdin=stdin)
        try:
            await asyncio.wait_for(process.wait(), _COMMAND_DEADLINE_S)
        except BaseException:
            process.kill()
            raise
        process.require_success()

    def _program(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str], health: str
    ) -> ManagedProcess:
        spec = ProcessSpec(
            name=name,
            command=(sys.executable, "-P", "-m", module, *arguments),
            environment=environment,
            output_path=self._environment.state_dir / "output" / f"{name}.log",
            cwd=REPOSITORY,
            probe=partial(_missing, health),
        )
        return ManagedProcess(spec)


def is_written(path: str) -> bool:
    """Whether this checkout has the file (services come one by one)."""
    return (REPOSITORY / path).exists()


async def together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all; when one fails the others are cancelled, and its own error is raised."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _missing(health_url: str) -> str | None:
    try:
        async with (
            aiohttp.ClientSession(timeout=_PROBE_TIMEOUT) as session,
            session.get(health_url) as response,
        ):
            if response.status == _READY_STATUS:
                return None
            return f"{response.status} {(await response.text())[:500]}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"no answer ({type(error).__name__})"
