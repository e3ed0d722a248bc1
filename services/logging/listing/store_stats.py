"""Sums over `logs`: what was consumed, and how much goes on right now."""

from dataclasses import asdict, dataclass, replace
from typing import Final

from services.logging.listing.conditions import where
from services.logging.listing.filters import Filters
from services.logging.listing.reading import Reading

WINDOW_S: Final = 60
"""What "a minute" means in `rpm` and `tpm`: the last 60 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """As the Log API names them."""

    quota: int
    """Consumed in the range that was asked for; 500,000 is $1."""
    rpm: int
    """Requests that ended in the last 60 s, however they ended."""
    tpm: int
    """Tokens of those, in and out."""

    def as_json(self) -> dict[str, int]:
        """For the answer."""
        return asdict(self)


class LogStats:
    """The query of the statistics. Raises what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def of(self, filters: Filters, *, now: int) -> Stats:
        """`quota` obeys all filters; the rates obey all but the range. `now`: Unix seconds."""
        in_range, range_values = where(filters)
        lately = replace(filters, start_timestamp=now - WINDOW_S, end_timestamp=None)
        in_window, window_values = where(lately)
        async with self._reading() as connection:
            quota = await connection.fetchval(
                f"SELECT coalesce(sum(quota), 0)::bigint FROM logs WHERE {in_range} AND type = 2",
                *range_values,
            )
            rates = await connection.fetchrow(
                "SELECT count(*) AS rpm,"
                " coalesce(sum(prompt_tokens::bigint + completion_tokens), 0)::bigint AS tpm"
                # What a refund or an adjustment gave back is no request: it has no group.
                f" FROM logs WHERE {in_window} AND type IN (2, 4) AND \"group\" <> ''",
                *window_values,
            )
        assert rates is not None  # noqa: S101 - an aggregate always has its row
        return Stats(quota=quota, rpm=rates["rpm"], tpm=rates["tpm"])
