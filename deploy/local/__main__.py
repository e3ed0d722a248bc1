"""The embedded stack's command line: `python -P -m deploy.local run|reset|fetch|as`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploy.local.class_archive import ensure_class_archive
from deploy.local.credentials import load_or_create
from deploy.local.demo import DemoError, ensure_demo
from deploy.local.environment import PREFIX, REPOSITORY, WITH_TABLES, environment_of
from deploy.local.kafka_jars import JarChecksumError
from deploy.local.ports import PORT_SETTINGS, PortInUseError, Ports
from deploy.local.processes import ProcessFailedError
from deploy.local.progress import Progress
from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from deploy.local.state_folder import StateFolder, StateFolderInUseError
from deploy.local.supervision import Supervisor, TooManyDeathsError
from deploy.local.welcome import addresses, welcome
from shared.compiled.using import COMMAND, is_there_a_build

_TOLD_PLAINLY = (
    DemoError,
    JarChecksumError,
    PortInUseError,
    ProcessFailedError,
    StateFolderInUseError,
    TooManyDeathsError,
    ValueError,
)
_SERVICES = ("relay", *WITH_TABLES)
_WORKERS = "LEDGERLINE_RELAY_WORKERS"
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -P -m deploy.local", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=REPOSITORY / ".state")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything and keep it running until Ctrl-C")
    run.add_argument("--infrastructure-only", action="store_true", help="only PostgreSQL and Kafka")
    commands.add_parser("fetch", help="bring what is no Python package, so that a start is quick")
    commands.add_parser("reset", help="throw the state of a stopped stack away")
    beside = commands.add_parser("as", help="run Python in a service's environment")
    beside.add_argument("service", choices=_SERVICES)
    beside.add_argument("arguments", nargs=argparse.REMAINDER, help="Python's own")
    arguments = parser.parse_args()
    try:
        if arguments.command == "fetch":
            asyncio.run(ensure_class_archive())
        elif arguments.command == "reset":
            StateFolder(arguments.state_dir).delete()
            print(f"{arguments.state_dir} is gone")
        elif arguments.command == "as":
            _become(arguments.state_dir, arguments.service, arguments.arguments)
        else:
            asyncio.run(_run(arguments.state_dir, arguments.infrastructure_only))
    except _TOLD_PLAINLY as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _become(state_dir: Path, service: str, arguments: Sequence[str]) -> NoReturn:
    """Be Python in the environment of a service of a stack that runs here, or ran."""
    kept, spec = state_dir / "secrets.json", _spec(state_dir)
    if not kept.exists():
        raise ValueError(f"nothing was ever started in {state_dir}")
    environment = environment_of(
        spec,
        state_dir=state_dir.resolve(),
        ports=spec.ports or Ports(),
        secrets=load_or_create(kept),
    ).of(service, 0)
    os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606  # no shell


async def _run(state_dir: Path, infrastructure_only: bool) -> None:
    interrupted = asyncio.Event()
    for each in _INTERRUPTS:
        asyncio.get_running_loop().add_signal_handler(each, interrupted.set)
    stack = Stack(_spec(state_dir), report=print)
    work = asyncio.create_task(_start_and_watch(stack, infrastructure_only))
    waiting = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()
        waiting.cancel()
        ended = (await asyncio.gather(work, return_exceptions=True))[0]
        print("\nstopping")
        with Progress(print).step("everything is stopped"):
            await stack.stop()
    if isinstance(ended, Exception):
        raise ended


async def _start_and_watch(stack: Stack, infrastructure_only: bool) -> None:
    print(f"starting in {stack.state_dir}")
    if not (infrastructure_only or is_there_a_build()):
        print(f"the relay is interpreted; `{COMMAND}` makes it faster")
    if infrastructure_only:
        await stack.start_infrastructure()
        print(addresses(stack), flush=True)
    else:
        await stack.start()
        with stack.progress.step("demo login and key"):
            demo = await ensure_demo(stack)
        print(welcome(stack, demo), flush=True)
    started = [process for process in stack.processes() if process.running]
    await Supervisor(started, restart=stack.start_process, report=print).watch()


def _spec(state_dir: Path) -> StackSpec:
    """Ports and settings of the user's own environment."""
    for_ports = {setting.variable for setting in PORT_SETTINGS}
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in for_ports
    }
    workers = settings.get(_WORKERS) or os.environ.get("RELAY_WORKERS") or "1"
    if not workers.isdecimal():
        raise ValueError(f"{_WORKERS} must be a number")
    return StackSpec(
        state_dir=state_dir,
        ports=Ports.from_environment(os.environ),
        relay_workers=int(workers),
        settings={"all": settings},
        shares_limits=True,
    )


if __name__ == "__main__":
    sys.exit(_main())
