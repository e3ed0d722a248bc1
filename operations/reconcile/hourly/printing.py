"""The report as text for a person, and as CSV for a spreadsheet. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from operations.reconcile.gaps import Gap
from operations.reconcile.hourly.rows import AccountRow, HourRow, Report

_MOST_GAPS: Final = 20
_COLUMNS: Final = (
    "hour",
    "workspace_id",
    "events",
    "requests",
    "to_charge",
    "units",
    "ledger_entries",
    "ledger_units",
    "log_rows",
    "log_units",
    "quota_data_count",
    "quota_data_units",
    "other_units",
    "not_charged_yet",
    "not_logged_yet",
    "gaps",
    "differs",
)
_HEADS: Final = (
    f"{'hour (UTC)':<18}{'workspace':>10}{'requests':>12}{'to charge':>12}{'units':>18}"
    f"{'ledger':>12}{'units':>18}{'log rows':>12}{'quota_data':>12}{'units':>18}{'other':>22}"
    "  differs"
)


def as_text(report: Report) -> Iterator[str]:
    """Hours, accounts, and what does not fit, each with its first gaps."""
    yield f"from {report.since} to {report.until}, {report.records:,} records of the topic"
    yield _HEADS
    for row in report.hours:
        yield _hour(row)
    yield ""
    yield f"{'account':<18}{'balance':>20}{'its entries':>20}{'held':>20}{'by its leases':>20}"
    for account in report.accounts:
        yield _account(account)
    for note in report.notes:
        yield f"note: {note}"
    yield from _named("records of the topic", report.unreadable)
    for row in report.hours:
        if row.differs:
            yield from _named(f"{row.begins}, workspace {row.workspace_id}", row.gaps)
    for account in report.accounts:
        yield from _named(f"account {account.workspace_id}", account.gaps)
    for bucket in report.not_looked_into:
        yield (
            f"hour {bucket.hour} of workspace {bucket.workspace_id} differs and is too large to be"
            f" looked into with the others: ask for --workspace {bucket.workspace_id} alone"
        )
    yield "\nno gaps" if report.is_clean else "\nGAPS FOUND"


def as_csv(report: Report) -> str:
    """A line an hour and workspace."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in report.hours:
        others, gaps = sum(row.others.values()), len(row.gaps)
        cells = {"hour": row.begins, "other_units": others, "gaps": gaps}
        cells["differs"] = " ".join(row.differs)
        writer.writerow([cells.get(name, getattr(row, name, "")) for name in _COLUMNS])
    return text.getvalue()


def _hour(row: HourRow) -> str:
    return (
        f"{row.begins:<18}{row.workspace_id:>10}{row.requests:>12,}{row.to_charge:>12,}"
        f"{row.units:>18,}{row.ledger_entries:>12,}{row.ledger_units:>18,}{row.log_rows:>12,}"
        f"{row.quota_data_count:>12,}{row.quota_data_units:>18,}"
        f"{sum(row.others.values()):>22,}  {', '.join(row.differs) or '-'}"
    )


def _account(row: AccountRow) -> str:
    return (
        f"{row.workspace_id:<18}{row.balance_units:>20,}{row.entries_units:>20,}"
        f"{row.held_units:>20,}{row.leases_held_units:>20,}"
    )


def _named(what: str, gaps: Iterable[Gap]) -> Iterator[str]:
    found = list(gaps)
    if found:
        yield f"\n{what}:"
    yield from (f"  {gap.subject}: {gap.what}" for gap in found[:_MOST_GAPS])
    if len(found) > _MOST_GAPS:
        yield f"  … and {len(found) - _MOST_GAPS:,} more (--format json has all)"
