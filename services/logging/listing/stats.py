"""What was consumed, and how much goes on right now."""

from dataclasses import asdict, dataclass, replace
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.narrowing import narrowed
from services.logging.listing.reading import Reading
from services.logging.listing.store_moment import read_moment
from services.logging.listing.totals import pieces_of, total_of
from services.logging.rows.rows import LogType

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
    """The statistics. Raises what asyncpg raises, a time-out among it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def of(self, filters: Filters, *, now: int) -> Stats:
        """`quota` obeys all filters; the rates obey all but the range. `now`: Unix seconds."""
        quota = 0
        async with self._reading() as connection:
            moment = await read_moment(connection)
            filters = await narrowed(connection, filters, moment)
            if filters.type in (None, LogType.CONSUMPTION):
                consumed = replace(filters, type=int(LogType.CONSUMPTION))
                stretch = moment.stretch_of(filters)
                quota = total_of(await pieces_of(connection, consumed, stretch, moment)).quota
            lately = replace(
                filters, start_timestamp=now - WINDOW_S, end_timestamp=None, is_request=True
            )
            stretch = moment.stretch_of(lately)
            rates = total_of(await pieces_of(connection, lately, stretch, moment))
        return Stats(quota=quota, rpm=rates.rows, tpm=rates.tokens)
