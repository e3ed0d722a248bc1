"""The processes that are measured beside one another, each on the core that is kept for them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.processes import ManagedProcess
from deploy.local.stack import Stack
from operations.bench.go_build import GoMissingError, built_go_proxy
from operations.bench.placement import MEASURED_CORE, OTHER_CORE, every_core, place, put_first
from operations.bench.plan import BARE, DIRECT, GO, RELAY
from operations.bench.programs import python_module, running
from operations.bench.provisioning import provision

_RELAY_PROCESS = "relay-0"


_KAFKA_NICE: Final = 10


@dataclass(frozen=True, kw_only=True)
class Side:
    """Something that is measured, and where its requests go."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class Sides:
    """All of them, started."""

    key: str
    upstream_pid: int
    sides: tuple[Side, ...]
    missing: dict[str, str]
    """Why a side is not there."""


@asynccontextmanager
async def started_sides(
    stack: Stack, names: tuple[str, ...], relay: ManagedProcess | None = None
) -> AsyncIterator[Sides]:
    """The sides of these names beside a started stack of one relay, or of the one that is given.

    The stack's processes are back on every core afterwards.
    """
    relay = relay or stack.process(_RELAY_PROCESS)
    async with AsyncExitStack() as opened:
        upstream_port = stack.ports["bench/upstream"]
        command = python_module("upstream", "--port", str(upstream_port))
        upstream = await opened.enter_async_context(
            running("upstream", command, port=upstream_port, folder=stack.state_dir)
        )
        place(upstream.pid, [OTHER_CORE])
        put_first(upstream.pid)
        key = await provision(stack, upstream_port=upstream_port)
        await opened.enter_async_context(_placed(stack, relay))
        sides: list[Side] = []
        missing: dict[str, str] = {}
        for name in names:
            if name == DIRECT:
                port, pid = upstream_port, upstream.pid
            elif name == RELAY:
                port, pid = stack.ports["relay-0/api"], relay.pid
            else:
                port = stack.ports[f"bench/{name}"]
                try:
                    command = await _proxy_command(name, stack.state_dir)
                except GoMissingError as error:
                    missing[name] = str(error)
                    continue
                to = ("--port", str(port), "--upstream", f"http://127.0.0.1:{upstream_port}")
                proxy = running(name, (*command, *to), port=port, folder=stack.state_dir, key=key)
                pid = (await opened.enter_async_context(proxy)).pid
                place(pid, [MEASURED_CORE])
            sides.append(Side(name=name, port=port, pid=pid))
        yield Sides(key=key, upstream_pid=upstream.pid, sides=tuple(sides), missing=missing)


async def _proxy_command(name: str, folder: Path) -> tuple[str, ...]:
    commands = {BARE: python_module("bare_proxy")}
    return (str(await built_go_proxy(folder)),) if name == GO else commands[name]


@asynccontextmanager
async def _placed(stack: Stack, relay: ManagedProcess) -> AsyncIterator[None]:
    """The relay alone on its core; the rest of the stack on the other one, out of the way there.

    Kafka has its share even so: what the relay publishes must be taken as fast as it comes.
    """
    around = [one for one in stack.processes() if one.name != _RELAY_PROCESS]
    place(relay.pid, [MEASURED_CORE])
    for each in around:
        if each.name == "kafka":
            place(each.pid, [OTHER_CORE], nice=_KAFKA_NICE)
        else:
            place(each.pid, [OTHER_CORE], idle=True)
    try:
        yield
    finally:
        for each in (relay, *around):
            if each.running:
                place(each.pid, every_core())
