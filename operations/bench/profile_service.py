"""Where a service's CPU time goes: `python -P -m operations.bench.profile_service relay|…`.

The service runs under `operations.bench.sampled`, and prints the shares of functions and packages.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg

from deploy.local.environment import REPOSITORY
from deploy.local.processes import ManagedProcess
from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from operations.bench.ingest import fill, migrate
from operations.bench.load_spec import LoadSpec
from operations.bench.placement import MEASURED_CORE, OTHER_CORE, place
from operations.bench.plan import QUICK, WHOLE
from operations.bench.programs import generate, python_module, running
from operations.bench.provisioning import provision
from operations.bench.settling import wait_until_taken_in
from operations.bench.steps import REQUESTS, Step, chosen

_TOP: Final = 32
_SECONDS: Final = 40.0
_ROOT: Final = "python/runners.py:Runner.run"
"""What is further out is the start of the process, in every sample."""
_OURS: Final = ("services/", "shared/")
_Sample = tuple[int, list[str]]


def _main() -> None:
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
    step = replace(step, duration_s=arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="ledgerline-profile-") as folder:
        path = Path(folder, "samples.json")
        stack = Stack(StackSpec(state_dir=Path(folder, "stack")))
        if arguments.service == "relay":
            asyncio.run(_sample_relay(stack, path, step))
        else:
            asyncio.run(_sample_consumer(stack, path, arguments.service))
        samples: list[_Sample] = json.loads(path.read_text())
    if arguments.samples is not None:
        arguments.samples.write_text(json.dumps(samples))
    for line in _lines(samples):
        print(line)


async def _sample_relay(stack: Stack, path: Path, step: Step) -> None:
    port = stack.ports["bench/upstream"]
    command = python_module("upstream", "--port", str(port))
    async with stack, running("upstream", command, port=port, folder=stack.state_dir) as upstream:
        key = await provision(stack, upstream_port=port)
        await stack.process("relay-0").stop()
        relay = _sampled(stack.process("relay-0"), path)
        await relay.start()
        try:
            await relay.wait_ready()
            place(upstream.pid, [OTHER_CORE])
            place(relay.pid, [MEASURED_CORE])
            relay.kill(signal.SIGUSR2)
            spec = LoadSpec(
                port=stack.ports["relay-0/api"],
                key=key,
                connections=step.connections,
                duration_s=step.duration_s,
                warm_up_s=step.warm_up_s,
                stream=step.stream,
                events_per_s=step.events_per_s,
                spread_s=step.spread_s,
                core=OTHER_CORE,
            )
            await generate(spec)
        finally:
            await relay.stop()


async def _sample_consumer(stack: Stack, path: Path, service: str) -> None:
    try:
        await stack.start_infrastructure()
        await fill(stack, QUICK)
        await migrate(stack, service)
        process = _sampled(stack.process(f"{service}-0"), path)
        await process.start()
        connection = await asyncpg.connect(stack.dsn("superuser"))
        try:
            await wait_until_taken_in(connection, service, 1)
            process.kill(signal.SIGUSR2)
            await wait_until_taken_in(connection, service, QUICK.ingest_events)
        finally:
            await connection.close()
            await process.stop()
    finally:
        await stack.stop()


def _sampled(process: ManagedProcess, path: Path) -> ManagedProcess:
    module = process.spec.command[-1]
    command = (sys.executable, "-P", "-m", "operations.bench.sampled", module, str(path))
    return ManagedProcess(replace(process.spec, command=command))


def _lines(samples: Iterable[_Sample]) -> Iterator[str]:
    alone: Counter[str] = Counter()
    within: Counter[str] = Counter()
    packages: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for count, stack in samples:
        names = [_short(each) for each in stack]
        names = names[names.index(_ROOT) + 1 :] if _ROOT in names else names
        names = names or ["uvloop/the loop itself"]
        ours[_ours(names)] += count
        alone[names[-1]] += count
        packages[names[-1].partition("/")[0].partition(":")[0]] += count
        for name in set(names):
            within[name] += count
    total = sum(alone.values())
    for title, counts in (
        ("by package, itself", packages),
        ("by function of ours, with the libraries that it calls", ours),
        ("by function, itself", alone),
        ("by function, with all that it calls", within),
    ):
        yield f"\n{title} ({total} samples)"
        for name, count in counts.most_common(_TOP):
            yield f"{count / total:7.1%}  {name}"


def _ours(names: list[str]) -> str:
    """The innermost function of ours; where there is none, the library that was called first."""
    found = [name for name in names if name.startswith(_OURS)]
    return found[-1] if found else f"(none) {names[0]}"


def _short(name: str) -> str:
    for folder in ("site-packages/", f"{REPOSITORY}/"):
        _, found, rest = name.partition(folder)
        if found:
            return rest
    path, _, function = name.rpartition(":")
    return f"python/{Path(path).name}:{function}"


if __name__ == "__main__":
    _main()
