"""One hour of one workspace: what everybody says of it, and who differs. Pure."""

from collections.abc import Collection

from operations.reconcile.hourly.closer import Closer
from operations.reconcile.hourly.in_tables import InTables
from operations.reconcile.hourly.rows import HourRow
from operations.reconcile.hourly.sums import Bucket, Sums
from operations.reconcile.hourly.tables import HourOfData
from operations.reconcile.hourly.topic import LEDGER, LOGS, OnTopic

_NAMES = {LEDGER: "ledger", LOGS: "logs"}


def hour_row(
    bucket: Bucket,
    on_topic: OnTopic,
    tables: InTables,
    closer: Closer,
    *,
    not_looked_into: Collection[str],
) -> HourRow:
    """The row. Sums that differ by nothing but repeats of a request are no gap.

    `not_looked_into`: the parties that differ there, and nobody has seen by which requests.
    """
    charges = tables.charges.get(bucket, Sums())
    log_rows = tables.log_rows.get(bucket, Sums())
    data = tables.hours.get(bucket, HourOfData())
    to_charge, units = closer.distinct(bucket, LEDGER) or (
        on_topic.for_ledger.count,
        on_topic.for_ledger.units,
    )
    logged, _ = closer.distinct(bucket, LOGS) or (on_topic.for_logs.count, 0)
    gaps_of_data = tables.differing_hours.get(bucket, ())
    differs = [
        name
        for party, name in _NAMES.items()
        if party in not_looked_into or closer.gaps(bucket, party)
    ]
    doubts = {
        "quota_data": gaps_of_data,
        "not charged yet": on_topic.waiting_for_ledger,
        "not logged yet": on_topic.waiting_for_logs,
    }
    return HourRow(
        hour=bucket.hour,
        workspace_id=bucket.workspace_id,
        events=on_topic.events,
        requests=logged + on_topic.waiting_for_logs,
        to_charge=to_charge,
        units=units,
        ledger_entries=charges.count,
        ledger_units=charges.units,
        log_rows=log_rows.count,
        log_units=log_rows.units,
        quota_data_count=data.requests,
        quota_data_units=data.units,
        others={each.kind: each.units for each in tables.others.get(bucket, ())},
        not_charged_yet=on_topic.waiting_for_ledger,
        not_logged_yet=on_topic.waiting_for_logs,
        differs=[*differs, *(name for name, found in doubts.items() if found)],
        gaps=[*closer.all_gaps(bucket), *gaps_of_data],
    )
