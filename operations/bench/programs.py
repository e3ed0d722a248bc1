"""The benchmark's own processes: the upstream, the proxies, and the load generator."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from deploy.local.environment import REPOSITORY, program_environment
from deploy.local.ports import HOST
from deploy.local.processes import ManagedProcess, ProcessSpec
from operations.bench.load_spec import Finished, LoadResult, LoadSpec

_UNTIL_ANSWER_S: Final = 30.0


def python_module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs `operations.bench.<name>`."""
    return (sys.executable, "-P", "-m", f"operations.bench.{name}", *arguments)


@asynccontextmanager
async def running(
    name: str, command: tuple[str, ...], *, port: int, folder: Path, key: str = ""
) -> AsyncIterator[ManagedProcess]:
    """A command that listens on its port, until the block ends."""

    async def missing() -> str | None:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return f"nobody listens on {port}"
        writer.close()
        return None

    process = ManagedProcess(
        ProcessSpec(
            name=name,
            command=command,
            environment=program_environment() | {"BENCH_KEY": key},
            output_path=folder / f"{name}.log",
            cwd=REPOSITORY,
            probe=missing,
        )
    )
    await process.start()
    try:
        await process.wait_ready()
        yield process
    finally:
        await process.stop()


async def generate(spec: LoadSpec) -> LoadResult:
    """One measurement by a load generator of its own. Raises RuntimeError where it went wrong."""
    process = await asyncio.create_subprocess_exec(
        *python_module("load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env=program_environment(),
    )
    try:
        async with asyncio.timeout(spec.warm_up_s + spec.duration_s + _UNTIL_ANSWER_S):
            # On its standard input, as the key is a secret and arguments are for all to see.
            out, err = await process.communicate(json.dumps(asdict(spec)).encode())
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the load generator failed:\n{err.decode(errors='replace')[-2000:]}")
    result = json.loads(out)
    result["finished"] = [Finished(**each) for each in result["finished"]]
    return LoadResult(**result)
