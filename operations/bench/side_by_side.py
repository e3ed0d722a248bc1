"""The relay beside other proxies: the same requests, the same upstream, in turns."""

from deploy.local.stack import Stack
from operations.bench.comparison import MEASURED, Comparison
from operations.bench.figures import rss_mib
from operations.bench.load_spec import LoadResult, LoadSpec
from operations.bench.placement import OTHER_CORE
from operations.bench.plan import DIRECT, RELAY, Plan
from operations.bench.programs import generate
from operations.bench.settling import wait_until_applied
from operations.bench.sides import Side, Sides, started_sides
from operations.bench.steps import LATENCY, Step


async def measure(stack: Stack, plan: Plan) -> Comparison:
    """Measure on a started stack of one relay. Its processes are back on every core afterwards."""
    found = Comparison(steps=plan.steps)
    # What a proxy adds is told from what the upstream takes alone.
    needs_direct = any(step.name == LATENCY for step in plan.steps)
    names = plan.sides if DIRECT in plan.sides or not needs_direct else (DIRECT, *plan.sides)
    async with started_sides(stack, names) as started:
        found.missing = started.missing
        for number in range(plan.rounds):
            for step in plan.steps:
                # What the consumers are behind would disturb the next step.
                await wait_until_applied(stack)
                for side in started.sides if number % 2 == 0 else started.sides[::-1]:
                    if _is_asked(step, side, plan, number):
                        result = await _measured(step, side, started, stack)
                        found.results.setdefault((side.name, step.name), []).append(result)
        found.rss_mib = {side.name: rss_mib(side.pid) for side in started.sides}
    return found


def _is_asked(step: Step, side: Side, plan: Plan, number: int) -> bool:
    if side.name != DIRECT or step.name == LATENCY:
        return True
    # Alone it is only a ceiling, for which one round will do; paced, not even that.
    return DIRECT in plan.sides and step.events_per_s is None and number == 0


async def _measured(step: Step, side: Side, started: Sides, stack: Stack) -> LoadResult:
    try:
        return await generate(load_of(step, side, started, stack))
    except RuntimeError as error:
        error.add_note(f"while {step.name} of {side.name} was measured")
        raise


def load_of(step: Step, side: Side, started: Sides, stack: Stack) -> LoadSpec:
    """A step of one side, and whose CPU time is read beside it."""
    return LoadSpec(
        port=side.port,
        key=started.key,
        connections=step.connections,
        duration_s=step.duration_s,
        warm_up_s=step.warm_up_s,
        stream=step.stream,
        events_per_s=step.events_per_s,
        spread_s=step.spread_s,
        core=OTHER_CORE,
        watch=_watched(stack, side) | {"upstream": started.upstream_pid},
    )


def _watched(stack: Stack, side: Side) -> dict[str, int]:
    """Each process once: the upstream is no measured process when it is alone."""
    watched = {each.name: each.pid for each in stack.processes()}
    if side.name == RELAY:
        del watched["relay-0"]
    return watched if side.name == DIRECT else watched | {MEASURED: side.pid}
