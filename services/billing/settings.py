"""Billing's settings."""

from shared.service.settings import DatabaseSettings


class BillingSettings(DatabaseSettings):
    """From the environment, with the prefix `LEDGERLINE_`."""

    control_internal_url: str
    """Where control's internal port is: its keys say whose assertions are true."""
