"""What keys and users were called, from the log's own series."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.logging.usage.asked import Dimension
from services.logging.usage.sources import Name
from shared.postgres.retrying import Connection

_NEWEST: Final = """
SELECT DISTINCT ON ({column}) {column} AS id, {name} AS name FROM log_series
WHERE facet = 3 AND {column} = ANY($1::bigint[]) AND {name} <> ''
ORDER BY {column}, series_id DESC
"""
_NAMES: Final = {
    Dimension.KEY: _NEWEST.format(column="token_id", name="token_name"),
    Dimension.USER: _NEWEST.format(column="user_id", name="username"),
}


async def names_of(
    connection: Connection, by: Dimension, ids: Sequence[Name]
) -> Mapping[Name, str]:
    """The newest name of each key or user that the log knows; of other dimensions, none."""
    query = _NAMES.get(by)
    if query is None or not ids:
        return {}
    return {row["id"]: row["name"] for row in await connection.fetch(query, list(ids))}
