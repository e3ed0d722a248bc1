"""How long rows are kept, and from which moment on. Pure."""

from typing import Final, NamedTuple

DAY_S: Final = 86_400
FOR_EVER: Final = 0
MAX_DAYS: Final = 36_500
"""A hundred years; what is longer is for ever."""


class Periods(NamedTuple):
    """The site's periods, in days; FOR_EVER keeps everything."""

    logs_days: int = FOR_EVER
    usage_hourly_days: int = FOR_EVER
    usage_daily_days: int = FOR_EVER


def check_periods(periods: Periods) -> None:
    """Raise ValueError where a table would outlive one that is made from it.

    Hours of usage are made from rows and days from hours: what is made outlives what it is made of.
    """
    logs, hourly, daily = (days or MAX_DAYS + 1 for days in periods)
    if not logs <= hourly <= daily:
        raise ValueError(
            "log rows must not be kept for longer than hourly usage,"
            " nor hourly usage for longer than daily usage (0 is for ever)"
        )


def kept_from(now: int, days: int) -> int | None:
    """The first second that is kept (Unix seconds); None where everything is.

    A midnight (UTC), so that whole partitions go: `days` whole days, and the running one.
    """
    if days == FOR_EVER:
        return None
    return now - now % DAY_S - days * DAY_S


def is_shorter(days: int, site_days: int) -> bool:
    """Whether a workspace's period ends before the site's would."""
    return site_days == FOR_EVER or days < site_days
