"""Measures the gateway beside other proxies. See docs/benchmarks.md for what each figure means."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from deploy.local.spec import StackSpec
from deploy.local.stack import Stack
from operations.bench.delay import measure_delay
from operations.bench.hourly_report import measure_report, report_lines
from operations.bench.ingest import measure_ingest
from operations.bench.keys import keys_lines, measure_keys
from operations.bench.leases import lease_lines, measure_leases
from operations.bench.machine import machine_lines
from operations.bench.plan import QUICK, SIDES, WHOLE, Plan
from operations.bench.report import delay_lines, ingest_lines
from operations.bench.side_by_side import measure
from operations.bench.side_report import side_by_side_json, side_by_side_lines
from operations.bench.steps import chosen
from shared.service.open_files import raise_open_files

_PARTS = ("ingest", "relay", "leases", "delay")
_KEYS, _REPORT = "keys", "report"
"""Only when they are asked for: to make what they read takes minutes."""
_CHOICES = (*_PARTS, _KEYS, _REPORT)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -P -m operations.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, in about a minute")
    parser.add_argument("--only", choices=_CHOICES, action="append", help="leave the others out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    names = ", ".join(step.name for step in WHOLE.steps)
    parser.add_argument("--steps", metavar="A,B", help=f"of the relay: {names}, any paced-NxM")
    parser.add_argument("--sides", metavar="A,B", help=f"of {', '.join(SIDES)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured")
    arguments = parser.parse_args()
    parts = frozenset(arguments.only or _PARTS)
    try:
        plan = _plan(arguments)
    except ValueError as error:
        parser.error(str(error))
    raise_open_files()
    figures = asyncio.run(_measure(plan, parts))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1))
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else WHOLE
    if arguments.rounds is not None:
        plan = replace(plan, rounds=max(1, arguments.rounds))
    if arguments.steps is not None:
        wanted = arguments.steps.split(",")
        plan = replace(plan, steps=chosen(wanted, plan.steps, lengths=plan.lengths))
    if arguments.sides is not None:
        sides = frozenset(arguments.sides.split(","))
        if not sides <= set(SIDES):
            raise ValueError(f"the sides are {', '.join(SIDES)}")
        plan = replace(plan, sides=tuple(side for side in SIDES if side in sides))
    return plan


async def _measure(plan: Plan, parts: frozenset[str]) -> dict[str, Any]:
    begun = monotonic()
    machine = list(machine_lines())
    _print("", machine)
    figures: dict[str, Any] = {"machine": machine, "plan": asdict(plan)}
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-") as folder:
        if "ingest" in parts:
            figures["ingest"] = await _ingest(Path(folder, "ingest"), plan)
        if _KEYS in parts:
            figures[_KEYS] = await _keys(Path(folder, _KEYS), plan)
        if _REPORT in parts:
            figures[_REPORT] = await _report(Path(folder, _REPORT), plan)
        if parts & {"relay", "leases", "delay"}:
            figures |= await _relay(Path(folder, "relay"), plan, parts)
    print(f"\n{monotonic() - begun:.0f} s in all")
    return figures


async def _ingest(folder: Path, plan: Plan) -> dict[str, Any]:
    stack = Stack(StackSpec(state_dir=folder))
    try:
        await stack.start_infrastructure()
        found = await measure_ingest(stack, plan)
    finally:
        await stack.stop()
    _print(f"{plan.ingest_events:,} events of {plan.workspaces} workspaces", ingest_lines(found))
    return {service: asdict(each) for service, each in found.items()}


async def _keys(folder: Path, plan: Plan) -> dict[str, Any]:
    stack = Stack(StackSpec(state_dir=folder))
    try:
        await stack.start_infrastructure()
        found = await measure_keys(stack, keys=plan.keys)
    finally:
        await stack.stop()
    _print(f"A relay that knows {found.keys:,} keys", keys_lines(found))
    return asdict(found)


async def _report(folder: Path, plan: Plan) -> dict[str, Any]:
    stack = Stack(StackSpec(state_dir=folder))
    try:
        await stack.start_infrastructure()
        found = await measure_report(
            stack, requests=plan.report_requests, workspaces=plan.workspaces
        )
    finally:
        await stack.stop()
    _print(f"`reconcile --report` over {found.requests:,} requests", report_lines(found))
    return asdict(found)


async def _relay(folder: Path, plan: Plan, parts: frozenset[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    async with Stack(StackSpec(state_dir=folder)) as stack:
        if "relay" in parts:
            found = await measure(stack, plan)
            rounds = "one round" if plan.rounds == 1 else f"medians of {plan.rounds} rounds"
            _print(f"The relay beside other proxies; {rounds}", side_by_side_lines(found))
            figures["relay"] = side_by_side_json(found)
        if "leases" in parts:
            leases = await measure_leases(stack, plan)
            _print("What leases add to a request", lease_lines(leases))
            figures["leases"] = asdict(leases)
        if "delay" in parts:
            delay = await measure_delay(stack, plan)
            _print("From a whole answer to its rows", delay_lines(delay))
            figures["delay"] = asdict(delay)
    return figures


def _print(title: str, lines: Iterable[str]) -> None:
    print(f"\n{title}" if title else "")
    for line in lines:
        print(line)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(_main())
