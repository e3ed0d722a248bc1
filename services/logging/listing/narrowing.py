"""From names to ids: rows are walked by the ids of users and keys, and names have no index."""

from dataclasses import replace
from typing import Final

from services.logging.listing.filters import Filters
from services.logging.listing.moments import Moment
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


async def narrowed(connection: Connection, filters: Filters, moment: Moment) -> Filters:
    """Filters that take the same rows, with the id of a name that only one user or key ever had."""
    if moment.dirty_hours:
        return filters  # their rows may be of others, whom no series knows
    if filters.username is not None and filters.user_id is None:
        user_id = await connection.fetchval(_ONLY_USER, filters.username)
        filters = replace(filters, user_id=user_id)
    if filters.token_name is not None and filters.token_id is None:
        token_id = await connection.fetchval(_ONLY_KEY, filters.token_name)
        filters = replace(filters, token_id=token_id)
    return filters
