"""Settings of `logging`."""

from typing import Literal

from shared.service.settings import DatabaseSettings


class LoggingSettings(DatabaseSettings):
    """From `LEDGERLINE_*`."""

    control_internal_url: str
    """Where control gives its public keys, and tells of its tables."""
    billing_internal_url: str
    """Where billing tells of its tables, for `/transparency`."""
    public_url: str = ""
    """The public door as customers write it, `https://llm.example.com`: `/transparency/schema.json`
    names itself by it, and without it by its path alone."""
    list_timeout_ms: int = 5_000
    """The longest that one query of the Log API may take."""
    batch_max_records: int = 2_000
    """Events in one transaction at the most."""
    log_partition_hours: Literal[1, 6, 24] = 24
    """How much time one partition of `logs` holds; a change holds for those that are made after."""
