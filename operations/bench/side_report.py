"""The sides beside one another: a table for people, and every round as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from operations.bench.comparison import Comparison
from operations.bench.figures import median_of
from operations.bench.plan import BARE, DIRECT, GO, RELAY, SIDES
from operations.bench.required import Row, rows
from operations.bench.steps import LATENCY
from operations.bench.table import row, verdict

_SHARES = ("measured", "generator", "upstream", "around", "strangers")


def side_by_side_lines(found: Comparison) -> Iterator[str]:
    """Each figure of each side, the ratios, the targets, and what bounds each run."""
    yield row("", "bare", "go", "relay", "relay/bare", "target", "", "relay/go")
    for step in found.steps:
        for each in rows(step):
            yield _compared(each, found)
    memory = [found.rss_mib.get(side) for side in (BARE, GO, RELAY)]
    yield row("memory, resident (MiB)", *memory, _quotient(memory[2], memory[0]))
    for side, reason in found.missing.items():
        yield f"Without {side}: {reason}"
    yield ""
    yield "What bounds each run, as shares of a core (measured: core 0; the others: core 1)"
    yield row("", "measured", "generator", "upstream", "stack", "strangers", "per s")
    for step in found.steps:
        for side in SIDES:
            # With one client every process waits for the next: no share says anything.
            if step.name == LATENCY or not found.has(side, step.name):
                continue
            shares = [found.median(side, step.name, f"{name}_share") for name in _SHARES]
            figure = "per_s" if step.events_per_s is None else "events_per_s"
            per_s = found.median(side, step.name, figure)
            title = "upstream alone" if side == DIRECT else side
            yield row(f"{step.name}, {title}", *shares, per_s)


def side_by_side_json(found: Comparison) -> dict[str, Any]:
    """Every round."""
    rounds = {
        f"{side}, {step}": [asdict(result) for result in results]
        for (side, step), results in found.results.items()
    }
    return {"rss_mib": found.rss_mib, "missing": found.missing, "rounds": rounds}


def _compared(wanted: Row, found: Comparison) -> str:
    values = {side: _values(wanted, found, side) for side in (BARE, GO, RELAY)}
    medians = [median_of(each) if each else None for each in values.values()]
    ratio = _ratio(values[RELAY], values[BARE])
    is_met = None if ratio is None else wanted.is_met(ratio)
    said = "" if is_met is None else verdict(met=is_met)
    to_go = _ratio(values[RELAY], values[GO])
    return row(wanted.title, *medians, ratio, wanted.target, said, to_go)


def _values(wanted: Row, found: Comparison, side: str) -> list[float]:
    if not found.has(side, wanted.step):
        return []
    values = found.rounds(side, wanted.step, wanted.figure)
    if not wanted.is_added:
        return values
    alone = found.rounds(DIRECT, wanted.step, wanted.figure)
    return [value - base for value, base in zip(values, alone, strict=True)]


def _ratio(ours: list[float], theirs: list[float]) -> float | None:
    """Of the same round: the machine itself is faster in one minute than in the next."""
    if not ours or not theirs:
        return None
    return median_of(one / other for one, other in zip(ours, theirs, strict=True))


def _quotient(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else ours / theirs
