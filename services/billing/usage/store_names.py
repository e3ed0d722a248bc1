"""Who used a model in an hour, where a charge does not say it."""

from typing import Final

from shared.postgres.retrying import Connection

_OF_HOUR: Final = """
SELECT username FROM quota_data WHERE created_at = $1 AND user_id = $2 AND model_name = $3
ORDER BY quota DESC, id LIMIT 1
"""


async def username_of_hour(connection: Connection, hour: int, user_id: int, model_name: str) -> str:
    """The user's name in the row of `quota_data` that a charge of that hour counts to.

    A user who was renamed within the hour has a row for each name: the one with the most use.
    """
    return str(await connection.fetchval(_OF_HOUR, hour, user_id, model_name) or "")
