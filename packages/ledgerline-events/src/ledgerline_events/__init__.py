"""Reading Ledgerline's public events: typed, counted once, and replayed from a time.

`read` turns a record of Kafka into an `Event`; `Replay` reads topics from a time on; `SqliteSeen`
and `PostgresSeen` say, within your own transaction, which events are new.
"""

from ledgerline_events.events import (
    BILLING_LEDGER,
    RELAY_REQUESTS,
    Event,
    UnreadableEventError,
    read,
)
from ledgerline_events.models import (
    BudgetPeriodClosed,
    BudgetThresholdCrossed,
    LedgerEntryPosted,
    RequestCompleted,
)
from ledgerline_events.postgres_seen import PostgresSeen
from ledgerline_events.replay import NoSuchTopicError, Replay
from ledgerline_events.sqlite_seen import SqliteSeen

__all__ = [
    "BILLING_LEDGER",
    "RELAY_REQUESTS",
    "BudgetPeriodClosed",
    "BudgetThresholdCrossed",
    "Event",
    "LedgerEntryPosted",
    "NoSuchTopicError",
    "PostgresSeen",
    "Replay",
    "RequestCompleted",
    "SqliteSeen",
    "UnreadableEventError",
    "read",
]
