"""How the statements of ingest are planned.

A prepared statement keeps its plan for long. One that was made while the tables were empty would
read them whole for ever after, or by an index of few values; each of ours looks keys up by the one
index that has them, however few rows there are.
"""

from typing import Final

from shared.postgres.retrying import Connection

_BY_INDEX: Final = """
SELECT set_config('enable_seqscan', 'off', true),
    set_config('plan_cache_mode', 'force_custom_plan', true)
"""


async def look_up_by_index(connection: Connection) -> None:
    """For the rest of the transaction."""
    await connection.execute(_BY_INDEX)
