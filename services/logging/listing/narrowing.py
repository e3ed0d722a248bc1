"""The same rows, asked for in a way that finds them sooner.

Rows are walked by the ids of users and keys, and names have no index; and an id of a request tells
when it was, which leaves one partition or two to look into.
"""

from dataclasses import replace
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.lookup import Lookup
from services.logging.listing.moments import Moment
from services.logging.listing.store_moment import read_moment
from services.logging.listing.store_pages import is_any_row, last_returned
from services.logging.listing.stretches import Stretch
from services.logging.requests.request_times import times_of
from shared.postgres.retrying import Connection

# Whoever has the name first, unless others have it as well: "default" is everybody's.
_ONLY: Final = """
SELECT one.id FROM (
    SELECT {id} AS id FROM log_series WHERE facet = 3 AND {name} = $1 LIMIT 1
) AS one
WHERE NOT EXISTS (
    SELECT FROM log_series WHERE facet = 3 AND {name} = $1 AND {id} <> one.id
)
"""
_ONLY_USER: Final = _ONLY.format(id="user_id", name="username")
_ONLY_KEY: Final = _ONLY.format(id="token_id", name="token_name")


async def look_up(connection: Connection, filters: Filters) -> Lookup:
    """The list that the filters ask for, as the transaction's snapshot has it."""
    moment = await read_moment(connection)
    return Lookup(connection, await narrowed(connection, filters, moment), moment)


async def narrowed(connection: Connection, filters: Filters, moment: Moment) -> Filters:
    """Filters that take the same rows."""
    if filters.request_id is not None:
        return await _by_time(connection, filters, filters.request_id, moment)
    if moment.dirty_hours:
        return filters  # their rows may be of others, whom no series knows
    if filters.username is not None and filters.user_id is None:
        user_id = await connection.fetchval(_ONLY_USER, filters.username)
        filters = replace(filters, user_id=user_id)
    if filters.token_name is not None and filters.token_id is None:
        token_id = await connection.fetchval(_ONLY_KEY, filters.token_name)
        filters = replace(filters, token_id=token_id)
    return filters


async def _by_time(
    connection: Connection, filters: Filters, request_id: str, moment: Moment
) -> Filters:
    """From when the id was made until the last that was given back, if there is a row then."""
    (lower, upper), *elsewhere = times_of(request_id)
    asked = moment.stretch_of(filters)
    likely = Stretch(max(lower, asked.lower), min(upper, asked.upper))
    if not elsewhere or not await is_any_row(connection, filters, moment, likely):
        return filters
    later = Stretch(likely.upper, asked.upper)
    posted = await last_returned(connection, request_id, made=Stretch(lower, upper), posted=later)
    last = likely.upper - 1 if posted is None else posted
    return replace(filters, start_timestamp=likely.lower, end_timestamp=last)
