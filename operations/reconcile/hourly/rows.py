"""The report's rows. Pure."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from operations.reconcile.gaps import Gap
from operations.reconcile.hourly.sums import Bucket


@dataclass(slots=True, kw_only=True)
class HourRow:
    """One hour of one workspace, as each party has it. Units are quota units."""

    hour: int
    """Unix seconds of its beginning."""
    workspace_id: int
    """0: nobody's; only in `quota_data`, which names users."""
    events: int = 0
    """Records on the topic."""
    requests: int = 0
    """The same without repeats, which a relay's crash leaves."""
    to_charge: int = 0
    """Those that succeeded or cost something, and that billing has read."""
    units: int = 0
    ledger_entries: int = 0
    ledger_units: int = 0
    log_rows: int = 0
    log_units: int = 0
    quota_data_count: int = 0
    quota_data_units: int = 0
    others: dict[str, int] = field(default_factory=dict)
    """Units of the entries that are no charges, by kind."""
    not_charged_yet: int = 0
    not_logged_yet: int = 0
    differs: list[str] = field(default_factory=list)
    """Who does not say what the topic says, or (`quota_data`) what the ledger says."""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def bucket(self) -> Bucket:
        """Which one it is."""
        return Bucket(self.hour, self.workspace_id)

    @property
    def begins(self) -> str:
        """The hour for a person."""
        return datetime.fromtimestamp(self.hour, UTC).strftime("%Y-%m-%d %H:%M")


@dataclass(slots=True, kw_only=True)
class AccountRow:
    """An account now, beside what it is made of."""

    workspace_id: int
    balance_units: int
    entries_units: int
    held_units: int = 0
    leases_held_units: int = 0
    gaps: list[Gap] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Report:
    """All of it."""

    since: str
    until: str = ""
    hours: list[HourRow] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    unreadable: list[Gap] = field(default_factory=list)
    not_looked_into: list[Bucket] = field(default_factory=list)
    """Hours that differ and have too many requests to name those that do."""
    notes: list[str] = field(default_factory=list)
    records: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nobody contradicts anybody."""
        return not (
            self.unreadable
            or any(row.differs for row in self.hours)
            or any(row.gaps for row in self.accounts)
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        told = asdict(self)
        told["not_looked_into"] = [bucket._asdict() for bucket in self.not_looked_into]
        return {"clean": self.is_clean, **told}
