"""Request by request: the topic against the ledger and the logs (I2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from operations.reconcile.gaps import Check, Gap, check
from operations.reconcile.horizons import Horizons
from operations.reconcile.observed import Observed
from operations.reconcile.tables import Tables
from shared.events.ids import event_bytes


@dataclass(slots=True)
class Extras:
    """What a table has and the topic had not, when it was read: id to what to say of it."""

    in_ledger: dict[bytes, Gap] = field(default_factory=dict)
    in_logs: dict[bytes, Gap] = field(default_factory=dict)

    def without(self, published_since: set[bytes]) -> None:
        """Take out what reached the topic after its end was noted: the system is running."""
        for extras in (self.in_ledger, self.in_logs):
            for key in published_since & extras.keys():
                del extras[key]


@dataclass(slots=True)
class Compared:
    """What the tables said that was wrong, and what they had beyond the topic."""

    ledger_gaps: list[Gap] = field(default_factory=list)
    log_gaps: list[Gap] = field(default_factory=list)
    extras: Extras = field(default_factory=Extras)
    entries: int = 0
    rows: int = 0
    horizons: Horizons = field(default_factory=Horizons)
    """Log rows that are older may have been deleted."""


async def compare(tables: Tables, observed: Observed, *, held_since: datetime | None) -> Compared:
    """Read both tables. What is older than `held_since` the topic may have dropped."""
    compared = Compared()
    oldest = held_since.timestamp() if held_since is not None else None
    async for charge in tables.charges(observed.since):
        compared.entries += 1
        try:
            gap = observed.ledger_entry(charge.request_id, charge.charged_units)
        except LookupError:
            if oldest is None or charge.posted_at.timestamp() >= oldest:
                compared.extras.in_ledger[event_bytes(charge.request_id)] = Gap(
                    charge.request_id,
                    f"was charged {charge.charged_units}, and is not on the topic",
                )
        else:
            _keep(compared.ledger_gaps.append, gap)
    async for row in tables.log_rows(observed.since):
        compared.rows += 1
        try:
            gap = observed.log_row(row.event_id, row.quota, row.type)
        except LookupError:
            if oldest is None or row.created_at >= oldest:
                compared.extras.in_logs[row.event_id] = Gap(
                    row.request_id, "has a log row, and is not on the topic"
                )
        else:
            _keep(compared.log_gaps.append, gap)
    compared.horizons = await tables.log_horizons()
    return compared


def request_checks(observed: Observed, compared: Compared, unreadable: list[Gap]) -> list[Check]:
    """The checks of I2 that name requests."""
    extras = compared.extras
    return [
        check(
            "relay.requests: readable, one end each",
            len(observed),
            [*unreadable, *observed.contradictions],
        ),
        check(
            "I2 ledger entries = requests on the topic",
            compared.entries,
            [*compared.ledger_gaps, *observed.not_in_ledger(), *extras.in_ledger.values()],
        ),
        check(
            "I2 log rows = requests on the topic",
            compared.rows,
            [
                *compared.log_gaps,
                *observed.not_in_logs(compared.horizons),
                *extras.in_logs.values(),
            ],
        ),
    ]


def token_check(in_tables: Mapping[int, int], observed: Observed) -> Check:
    """The tokens of `quota_data` against those of the topic, by hour."""
    gaps = [
        Gap(
            f"hour {hour}",
            f"quota_data has {in_tables.get(hour, 0)} tokens,"
            f" the topic {observed.tokens_by_hour.get(hour, 0)}",
        )
        for hour in in_tables.keys() | observed.tokens_by_hour.keys()
        if in_tables.get(hour, 0) != observed.tokens_by_hour.get(hour, 0)
    ]
    return check("I2 quota_data tokens = tokens on the topic", len(in_tables), gaps)


def _keep(keep: Callable[[Gap], None], gap: Gap | None) -> None:
    if gap is not None:
        keep(gap)
