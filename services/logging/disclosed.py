"""What the public is told of logging's tables: their columns and types, never a value."""

from typing import Final

from shared.transparency.disclosure import Disclosure, plumbing

DISCLOSURE: Final = Disclosure(
    service="logging",
    tables={
        name: name
        for name in (
            "logs",
            "log_series",
            "log_counts_day",
            "log_counts_hour",
            "log_counts_minute",
            "log_counts_second",
            "log_refused",
            "log_retention",
            "log_workspace_horizons",
            "usage_hourly",
            "usage_daily",
            "usage_site_hourly",
            "usage_site_daily",
        )
    },
    withheld={
        **plumbing("event_outbox", "consumer_watermarks", "consumer_accepted_gaps"),
        "log_clean_ups": "Which deletions of log rows were asked for, and how far each is.",
        "log_state": "One row: from when on rows are shown, and counts kept.",
        "log_dirty_hours": "Hours whose counts are to be made again.",
        "log_partitions": "Which parts the tables are kept in.",
        "log_checks": "Checksums, which show whether rows and counts agree.",
        "log_sentences": "The fixed sentences that rows of requests say.",
        "log_freshness": "Up to when the log is complete.",
    },
)
