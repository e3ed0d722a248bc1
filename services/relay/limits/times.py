"""Times of the limits' clock. Pure."""

from datetime import UTC, datetime
from typing import Final

# A bucket that gets one back in a thousand years is full again after the last day that there is.
_LAST_MS: Final = 253_402_300_799_000


def time_of(ms: int) -> datetime:
    """Milliseconds since 1970, as a time; what is beyond year 9999 is its end."""
    return datetime.fromtimestamp(min(ms, _LAST_MS) / 1000, UTC)
