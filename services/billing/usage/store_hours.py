"""Reading `quota_data`: what was used of each model, by the hour."""

from typing import Any, Final

import asyncpg

MOST_ROWS: Final = 200_000
"""What one answer may have: some tens of megabytes."""
# An answer's row may sum up several of the table's: its id is that of the first of them.
_SUMS: Final = """
min(id) AS id, model_name, created_at, sum(token_used)::bigint AS token_used,
sum(count)::bigint AS count, sum(quota)::bigint AS quota
FROM quota_data WHERE created_at BETWEEN $1 AND $2
"""
_ORDER: Final = f"ORDER BY created_at, model_name LIMIT {MOST_ROWS + 1}"
_ALL: Final = f"""
SELECT 0::bigint AS user_id, '' AS username, {_SUMS}
GROUP BY created_at, model_name {_ORDER}
"""
_BY_NAME: Final = f"""
SELECT user_id, username, {_SUMS} AND username = $3
GROUP BY created_at, model_name, user_id, username {_ORDER}
"""
# A user who was renamed within an hour has a row for each name.
_BY_USER: Final = f"""
SELECT user_id, max(username) AS username, {_SUMS} AND user_id = $3
GROUP BY created_at, model_name, user_id {_ORDER}
"""


class TooManyRowsError(Exception):
    """There are more than MOST_ROWS."""


class HoursOfUse:
    """Queries. Times are Unix seconds; an hour is named by its beginning."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of_all(self, first: int, last: int) -> list[dict[str, Any]]:
        """Everybody's together. Each raises TooManyRowsError."""
        return _told(await self._pool.fetch(_ALL, first, last))

    async def of_username(self, first: int, last: int, username: str) -> list[dict[str, Any]]:
        """Those of whoever had this name then."""
        return _told(await self._pool.fetch(_BY_NAME, first, last, username))

    async def of_user(self, first: int, last: int, user_id: int) -> list[dict[str, Any]]:
        """One user's."""
        return _told(await self._pool.fetch(_BY_USER, first, last, user_id))


def _told(rows: list[asyncpg.Record]) -> list[dict[str, Any]]:
    if len(rows) > MOST_ROWS:
        raise TooManyRowsError
    return [dict(row) for row in rows]
