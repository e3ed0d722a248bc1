"""Tables for people."""

from collections.abc import Iterable, Iterator
from typing import Final

from operations.bench.ingest import Ingest
from operations.bench.report import ingest_lines
from operations.bench.table import row, verdict
from operations.bench_logs.deleting import Deleted
from operations.bench_logs.incoming import Incoming
from operations.bench_logs.plans import Plan
from operations.bench_logs.reading import Read

_PLAN_LINES: Final = 40
_WIDTH: Final = 52


def read_lines(found: Iterable[Read]) -> Iterator[str]:
    """Each call and its percentiles."""
    yield row("ms", "p50", "p95", "p99", "/nothing", "target", width=_WIDTH)
    for each in found:
        said = None
        if each.target_p95_ms is not None:
            said = f"{each.target_p95_ms:.0f} {verdict(met=each.is_met)}"
        if each.failed:
            said = f"{said or ''} ({each.failed} of {each.calls} failed)".strip()
        yield row(each.title, each.p50_ms, each.p95_ms, each.p99_ms, each.ratio, said, width=_WIDTH)


def incoming_lines(found: Incoming) -> Iterator[str]:
    """What came in beside it."""
    yield (
        f"meanwhile {found.sent:,} events came in {found.took_s:.0f} s "
        f"({found.sent / max(found.took_s, 1):,.0f} a second); {found.taken:,} were taken in, "
        f"and never more than {found.most_behind:,} waited"
    )


def deleted_lines(found: Deleted) -> Iterator[str]:
    """What a deletion took, and what it did to readers."""
    exact = "exactly those that there were" if found.is_exact else "NOT those that there were"
    yield f"{found.rows:,} rows in {found.took_s:.1f} s, {exact}"
    yield (
        f"{found.reads:,} reads meanwhile: p95 {found.p95_ms:.1f} ms, "
        f"worst {found.worst_ms:.0f} ms ({verdict(met=found.is_met)}); "
        f"before it p95 {found.before_p95_ms:.1f} ms, worst {found.before_worst_ms:.0f} ms"
    )


def plan_lines(found: Iterable[Plan]) -> Iterator[str]:
    """What the database did."""
    for each in found:
        yield ""
        yield f"-- {each.title}"
        yield each.sql
        yield from each.lines[:_PLAN_LINES]


def speed_lines(found: Ingest) -> Iterator[str]:
    """Full-speed ingest."""
    yield from ingest_lines({"logging": found})
