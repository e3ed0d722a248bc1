"""Settings of `logging`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.logging.retention.periods import FOR_EVER, MAX_DAYS, Periods, check_periods
from shared.service.settings import DatabaseSettings

_Days = Annotated[int, Field(ge=FOR_EVER, le=MAX_DAYS)]


class LoggingSettings(DatabaseSettings):
    """From `LEDGERLINE_*`."""

    control_internal_url: str
    """Where control gives its public keys, and tells of its tables."""
    billing_internal_url: str
    """Where billing tells of its tables, for `/transparency`."""
    public_url: str = ""
    """The public door as customers write it, `https://llm.example.com`: `/transparency/schema.json`
    names itself by it, and without it by its path alone."""
    logging_compiled: Literal["auto", "never", "required"] = "auto"
    """Whether modules that `make compiled` has compiled are run: `auto`, where that was done from
    the sources that are here; `required`, which refuses to start without; `never`."""
    log_takes_in: bool = True
    """Whether this process takes events in. One that does not only answers, and is not held up by
    events: where many come, let some processes take in and others be those that the relay asks."""
    list_timeout_ms: int = 5_000
    """The longest that one query of the Log API may take."""
    batch_max_records: int = 2_000
    """Events in one transaction at the most, while few wait."""
    batch_max_records_lagging: int = 20_000
    """The same while many wait: a larger batch touches each sum once for more events."""
    log_partition_hours: Literal[1, 6, 24] = 24
    """How much time one partition of `logs` holds; a change holds for those that are made after."""
    log_retention_days: _Days = FOR_EVER
    """How many whole days log rows are kept; 0 is for ever."""
    usage_hourly_retention_days: _Days = FOR_EVER
    """How many days usage by the hour is kept, in whole months; not less than log rows are."""
    usage_daily_retention_days: _Days = FOR_EVER
    """How many days usage by the day is kept; not less than usage by the hour is."""

    @property
    def periods(self) -> Periods:
        """How long each table keeps its rows."""
        return Periods(
            self.log_retention_days,
            self.usage_hourly_retention_days,
            self.usage_daily_retention_days,
        )

    @model_validator(mode="after")
    def _outlives(self) -> Self:
        check_periods(self.periods)
        return self
