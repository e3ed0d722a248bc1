"""Settings of `logging`."""

from typing import Literal

from shared.service.settings import DatabaseSettings


class LoggingSettings(DatabaseSettings):
    """From `LEDGERLINE_*`."""

    control_internal_url: str
    """Where control gives its public keys."""
    list_timeout_ms: int = 5_000
    """The longest that one query of the Log API may take."""
    batch_max_records: int = 2_000
    """Events in one transaction at the most."""
    log_partition_hours: Literal[1, 6, 24] = 24
    """How much time one partition of `logs` holds; a change holds for those that are made after."""
