"""The relay beside the bare proxy: the same requests, the same upstream, in turns."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from deploy.local.stack import Stack
from operations.bench.figures import median_of, rss_mib
from operations.bench.load_spec import MACHINE, LoadResult, LoadSpec
from operations.bench.placement import MEASURED_CORE, OTHER_CORE, every_core, place
from operations.bench.plan import Plan
from operations.bench.programs import generate, running
from operations.bench.provisioning import provision
from operations.bench.settling import wait_until_applied

LATENCY, REQUESTS, STREAMS, PACED = "latency", "requests", "streams", "paced"
_STEPS: Final = (LATENCY, REQUESTS, STREAMS, PACED)
RELAY, BARE, DIRECT = "relay", "bare proxy", "upstream alone"
_MEASURED: Final = "measured"
_LOADING: Final = ("generator", "upstream")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that is measured, and where its requests go."""

    name: str
    port: int
    pid: int


@dataclass(kw_only=True)
class SideBySide:
    """All rounds of all targets."""

    results: dict[tuple[str, str], list[LoadResult]] = field(default_factory=dict)
    """By target and step."""
    rss_mib: dict[str, float] = field(default_factory=dict)

    def median(self, target: str, step: str, figure: str) -> float:
        """The median over the rounds of one figure of `FIGURES`."""
        return median_of(self.rounds(target, step, figure))

    def rounds(self, target: str, step: str, figure: str) -> list[float]:
        """One figure of each round, in their order."""
        return [FIGURES[figure](each) for each in self.results[target, step]]


FIGURES: Final[Mapping[str, Callable[[LoadResult], float]]] = {
    "p50_ms": lambda result: result.latency_ms["p50"],
    "p99_ms": lambda result: result.latency_ms["p99"],
    "first_byte_p50_ms": lambda result: result.first_byte_ms["p50"],
    "first_byte_p99_ms": lambda result: result.first_byte_ms["p99"],
    "per_s": lambda result: result.requests_per_s,
    "events_per_s": lambda result: result.events / result.window_s,
    "cpu_ms_per_request": lambda result: (
        result.cpu_s.get(_MEASURED, 0) * 1e3 / max(1, result.requests)
    ),
    "cpu_us_per_event": lambda result: result.cpu_s.get(_MEASURED, 0) * 1e6 / max(1, result.events),
    "measured_share": lambda result: result.cpu_s.get(_MEASURED, 0) / result.window_s,
    "generator_share": lambda result: result.cpu_share("generator"),
    "upstream_share": lambda result: result.cpu_share("upstream"),
    "around_share": lambda result: _share(result, without={_MEASURED, *_LOADING, MACHINE}),
    "strangers_share": lambda result: result.cpu_share(MACHINE) - _share(result, without={MACHINE}),
}


def _share(result: LoadResult, *, without: set[str]) -> float:
    return sum(result.cpu_share(name) for name in result.cpu_s if name not in without)


async def measure(stack: Stack, plan: Plan) -> SideBySide:
    """Measure on a started stack of one relay. Its processes are back on every core afterwards."""
    upstream_port, bare_port = stack.ports["bench/upstream"], stack.ports["bench/bare"]
    found = SideBySide()
    async with running("upstream", port=upstream_port, folder=stack.state_dir) as upstream:
        key = await provision(stack, upstream_port=upstream_port)
        async with (
            running(
                "bare_proxy",
                *("--upstream", f"http://127.0.0.1:{upstream_port}"),
                port=bare_port,
                folder=stack.state_dir,
                key=key,
            ) as bare,
            _placed(stack),
        ):
            place(upstream.pid, [OTHER_CORE])
            place(bare.pid, [MEASURED_CORE])
            targets = (
                Target(name=DIRECT, port=upstream_port, pid=upstream.pid),
                Target(name=BARE, port=bare_port, pid=bare.pid),
                Target(
                    name=RELAY, port=stack.ports["relay-0/api"], pid=stack.process("relay-0").pid
                ),
            )
            for number in range(plan.rounds):
                for step in _STEPS:
                    # What the consumers are behind would disturb the next step.
                    await wait_until_applied(stack)
                    for target in targets if number % 2 == 0 else targets[::-1]:
                        spec = _spec(
                            step, plan, target, key=key, stack=stack, upstream=upstream.pid
                        )
                        found.results.setdefault((target.name, step), []).append(
                            await generate(spec)
                        )
            found.rss_mib = {target.name: rss_mib(target.pid) for target in targets}
    return found


def _spec(
    step: str, plan: Plan, target: Target, *, key: str, stack: Stack, upstream: int
) -> LoadSpec:
    connections = {LATENCY: 1, PACED: plan.paced_streams}.get(step, plan.clients)
    duration_s = {LATENCY: plan.latency_s, PACED: plan.paced_s}.get(step, plan.load_s)
    return LoadSpec(
        port=target.port,
        key=key,
        connections=connections,
        duration_s=duration_s,
        # Paced streams begin over a second and take another one.
        warm_up_s=2.2 if step == PACED else 0.5,
        stream=step in {STREAMS, PACED},
        paced=step == PACED,
        core=OTHER_CORE,
        watch=_watched(stack, target) | {"upstream": upstream},
    )


def _watched(stack: Stack, target: Target) -> dict[str, int]:
    """Each process once: the upstream is no measured process when it is alone."""
    watched = {each.name: each.pid for each in stack.processes()}
    if target.name == RELAY:
        del watched["relay-0"]
    return watched if target.name == DIRECT else watched | {_MEASURED: target.pid}


@asynccontextmanager
async def _placed(stack: Stack) -> AsyncIterator[None]:
    """The relay alone on its core; the rest of the stack on the other one, out of the way there.

    Kafka stays at full priority: what the relay publishes must be taken as fast as it comes.
    """
    for each in stack.processes():
        if each.name == "relay-0":
            place(each.pid, [MEASURED_CORE])
        else:
            place(each.pid, [OTHER_CORE], idle=each.name != "kafka")
    try:
        yield
    finally:
        for each in stack.processes():
            if each.running:
                place(each.pid, every_core())
