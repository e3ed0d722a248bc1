"""What was taken in, and how long a row takes: tables for people."""

from collections.abc import Iterator
from typing import Final

from operations.bench.delay import POLL_S, Delay
from operations.bench.ingest import Ingest
from operations.bench.table import row, verdict

_INGEST_PER_S: Final = 20_000
_LEDGER_P95_MS: Final = 100
_ROW_P95_MS: Final = 250


def ingest_lines(found: dict[str, Ingest]) -> Iterator[str]:
    """Events taken in."""
    yield row("", "events/s", "", "us CPU", "us in PG", "MiB")
    for service, each in found.items():
        said = verdict(met=each.events_per_s >= _INGEST_PER_S)
        yield row(
            service,
            each.events_per_s,
            said,
            each.cpu_us_per_event,
            each.database_cpu_us_per_event,
            each.rss_mib,
        )
        if each.published_events_per_s is not None:
            yield row("  with its own events published", each.published_events_per_s)


def delay_lines(found: Delay) -> Iterator[str]:
    """From answer to row."""
    yield (
        f"{found.requests:,} answers at {found.rate_per_s:.0f} a second, each in "
        f"{found.answer_p50_ms:.2f} ms (p99 {found.answer_p99_ms:.2f}); "
        f"rows are looked for every {POLL_S * 1000:.0f} ms"
    )
    yield row("", "p50", "p95", "p99")
    for name, spread, most in (
        ("answer to ledger (ms)", found.ledger_ms, _LEDGER_P95_MS),
        ("answer to log row (ms)", found.row_ms, _ROW_P95_MS),
    ):
        said = verdict(met=spread["p95"] <= most)
        yield row(name, spread["p50"], spread["p95"], spread["p99"], said)
