"""Where a service's CPU time goes: `python -P -m operations.bench.profile_service relay|…`.

The service runs as it does in the benchmark, but under `operations.bench.sampled`.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg

from deploy.local.processes import ManagedProcess
from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from operations.bench.comparison import FIGURES
from operations.bench.ingest import fill, migrate
from operations.bench.plan import RELAY, WHOLE
from operations.bench.profile_report import Profile, profile_lines
from operations.bench.programs import generate
from operations.bench.settling import wait_until_taken_in
from operations.bench.side_by_side import load_of
from operations.bench.sides import started_sides
from operations.bench.steps import REQUESTS, Step, chosen
from shared.service.open_files import raise_open_files

_SECONDS: Final = 20.0
_UNSEEN_S: Final = 5.0
# The start of the generator is not to be in the samples.
_GENERATOR_STARTS_S: Final = 1.0


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", choices=("relay", "billing", "logging"))
    parser.add_argument("--load", default=REQUESTS, help="for the relay: a step of the benchmark")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="for the relay")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="keep them all, as JSON")
    arguments = parser.parse_args()
    try:
        (step,) = chosen([arguments.load], WHOLE.steps, lengths=1)
    except ValueError as error:
        parser.error(str(error))
    raise_open_files()
    unit, cost_us = "event", None
    with tempfile.TemporaryDirectory(prefix="ledgerline-profile-") as folder:
        path = Path(folder, "samples.json")
        stack = Stack(StackSpec(state_dir=Path(folder, "stack")))
        if arguments.service == RELAY:
            step = replace(step, duration_s=arguments.seconds)
            unit = "request" if step.events_per_s is None else "event"
            cost_us = asyncio.run(_profile_relay(stack, path, step, f"cpu_us_per_{unit}"))
            print(f"{cost_us:.1f} us a {unit} while nobody looks")
        else:
            asyncio.run(_profile_consumer(stack, path, arguments.service))
        text = path.read_text()
    if arguments.samples is not None:
        arguments.samples.write_text(text)
    for line in profile_lines(Profile(**json.loads(text)), cost_us=cost_us, unit=unit):
        print(line)
    return 0


async def _profile_relay(stack: Stack, path: Path, step: Step, figure: str) -> float:
    """Answers what the figure is while nobody looks; the samples go to the path."""
    async with stack:
        await stack.process("relay-0").stop()
        relay = _sampled(stack.process("relay-0"), path)
        await relay.start()
        try:
            await relay.wait_ready()
            async with started_sides(stack, (RELAY,), relay) as started:
                (side,) = started.sides
                unseen = replace(step, duration_s=_UNSEEN_S)
                result = await generate(load_of(unseen, side, started, stack))
                loading = asyncio.create_task(generate(load_of(step, side, started, stack)))
                await asyncio.sleep(_GENERATOR_STARTS_S + step.warm_up_s)
                relay.kill(signal.SIGUSR2)
                await loading
        finally:
            await relay.stop()
    return FIGURES[figure](result)


async def _profile_consumer(stack: Stack, path: Path, service: str) -> None:
    try:
        await stack.start_infrastructure()
        await fill(stack, WHOLE)
        await migrate(stack, service)
        process = _sampled(stack.process(f"{service}-0"), path)
        await process.start()
        connection = await asyncpg.connect(stack.dsn("superuser"))
        try:
            await wait_until_taken_in(connection, service, 1)
            process.kill(signal.SIGUSR2)
            await wait_until_taken_in(connection, service, WHOLE.ingest_events)
        finally:
            await connection.close()
            await process.stop()
    finally:
        await stack.stop()


def _sampled(process: ManagedProcess, path: Path) -> ManagedProcess:
    module = process.spec.command[-1]
    command = (sys.executable, "-P", "-m", "operations.bench.sampled", module, str(path))
    return ManagedProcess(replace(process.spec, command=command))


if __name__ == "__main__":
    sys.exit(_main())
