"""The figures as a table for people, and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from operations.bench.delay import POLL_S, Delay
from operations.bench.figures import median_of
from operations.bench.ingest import Ingest
from operations.bench.side_by_side import (
    BARE,
    DIRECT,
    LATENCY,
    PACED,
    RELAY,
    REQUESTS,
    STREAMS,
    SideBySide,
)

_LEAST_SHARE: Final = 0.5
_INGEST_PER_S: Final = 20_000
_LEDGER_P95_MS: Final = 100
_ROW_P95_MS: Final = 250


def side_by_side_lines(found: SideBySide) -> Iterator[str]:
    """The relay beside the bare proxy, and why the generator is not what bounds them."""
    yield _row("", BARE, RELAY, "ratio")
    for name in ("p50_ms", "p99_ms"):
        title = f"latency added, 1 client, {name[:3]} (ms)"
        yield _compare(title, found, LATENCY, name, less=found.rounds(DIRECT, LATENCY, name))
    yield _compare("requests/s, 32 clients", found, REQUESTS, "per_s", least=_LEAST_SHARE)
    yield _compare("CPU per request (ms)", found, REQUESTS, "cpu_ms_per_request")
    yield _compare("streams/s, 32 clients", found, STREAMS, "per_s", least=_LEAST_SHARE)
    yield _compare("CPU per stream of 52 events (ms)", found, STREAMS, "cpu_ms_per_request")
    yield _compare("CPU per event, paced (us)", found, PACED, "cpu_us_per_event")
    yield _compare("events/s, paced", found, PACED, "events_per_s")
    yield _compare("first byte, paced, p50 (ms)", found, PACED, "first_byte_p50_ms")
    yield _compare("first byte, paced, p99 (ms)", found, PACED, "first_byte_p99_ms")
    bare, relay = found.rss_mib[BARE], found.rss_mib[RELAY]
    yield _row("memory, resident (MiB)", bare, relay, relay / bare)
    yield ""
    yield "What bounds each run, as shares of a core (measured: core 0; the others: core 1)"
    yield _row("", "measured", "generator", "upstream", "stack", "strangers", "per s")
    for step in (REQUESTS, STREAMS, PACED):
        for target in (DIRECT, BARE, RELAY):
            shares = [
                found.median(target, step, f"{name}_share")
                for name in ("measured", "generator", "upstream", "around", "strangers")
            ]
            per_s = found.median(target, step, "per_s")
            yield _row(f"{step}, {target}", *shares, per_s)


def ingest_lines(found: dict[str, Ingest]) -> Iterator[str]:
    """Events taken in."""
    yield _row("", "events/s", "", "us CPU", "us in PG", "MiB")
    for service, each in found.items():
        verdict = _verdict(met=each.events_per_s >= _INGEST_PER_S)
        yield _row(
            service,
            each.events_per_s,
            verdict,
            each.cpu_us_per_event,
            each.database_cpu_us_per_event,
            each.rss_mib,
        )
        if each.published_events_per_s is not None:
            yield _row("  with its own events published", each.published_events_per_s)


def delay_lines(found: Delay) -> Iterator[str]:
    """From answer to row."""
    yield (
        f"{found.requests:,} answers at {found.rate_per_s:.0f} a second, each in "
        f"{found.answer_p50_ms:.2f} ms (p99 {found.answer_p99_ms:.2f}); "
        f"rows are looked for every {POLL_S * 1000:.0f} ms"
    )
    yield _row("", "p50", "p95", "p99")
    for name, spread, most in (
        ("answer to ledger (ms)", found.ledger_ms, _LEDGER_P95_MS),
        ("answer to log row (ms)", found.row_ms, _ROW_P95_MS),
    ):
        verdict = _verdict(met=spread["p95"] <= most)
        yield _row(name, spread["p50"], spread["p95"], spread["p99"], verdict)


def side_by_side_json(found: SideBySide) -> dict[str, Any]:
    """Every round."""
    rounds = {
        f"{target}, {step}": [asdict(result) for result in results]
        for (target, step), results in found.results.items()
    }
    return {"rss_mib": found.rss_mib, "rounds": rounds}


def _compare(
    title: str,
    found: SideBySide,
    step: str,
    figure: str,
    *,
    less: Sequence[float] | None = None,
    least: float | None = None,
) -> str:
    bare, relay = found.rounds(BARE, step, figure), found.rounds(RELAY, step, figure)
    if less is not None:
        bare = [value - base for value, base in zip(bare, less, strict=True)]
        relay = [value - base for value, base in zip(relay, less, strict=True)]
    # Of the same round: the machine itself is faster in one minute than in the next.
    ratio = median_of(ours / theirs for ours, theirs in zip(relay, bare, strict=True))
    verdict = "" if least is None else _verdict(met=ratio >= least)
    return _row(title, median_of(bare), median_of(relay), ratio, verdict)


def _verdict(*, met: bool) -> str:
    return "met" if met else "MISSED"


def _row(title: str, *cells: float | str) -> str:
    return f"{title:<36}" + "".join(f"{_cell(each):>12}" for each in cells)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - four digits
