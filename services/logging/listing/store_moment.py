"""Reading the state by which a snapshot is to be read."""

from typing import Final

from services.logging.listing.moments import Hidden, Moment
from shared.postgres.retrying import Connection

_MOMENT: Final = """
WITH hidden AS (
    SELECT workspace_id, refuse_before FROM log_workspace_horizons AS horizon
    WHERE EXISTS (
        SELECT FROM log_clean_ups AS clean_up
        WHERE clean_up.workspace_id = horizon.workspace_id AND clean_up.finished_at IS NULL
    )
)
SELECT refuse_before, minutes_from, seconds_from,
    ARRAY(SELECT bucket FROM log_dirty_hours ORDER BY bucket) AS dirty_hours,
    ARRAY(SELECT workspace_id FROM hidden ORDER BY workspace_id) AS hidden_workspaces,
    ARRAY(SELECT refuse_before FROM hidden ORDER BY workspace_id) AS hidden_before
FROM log_state
"""


async def read_moment(connection: Connection) -> Moment:
    """What may be looked at in the transaction's snapshot, and how."""
    row = await connection.fetchrow(_MOMENT)
    if row is None:
        raise LookupError("log_state has no row: the migrations make it")
    return Moment(
        refuse_before=row["refuse_before"],
        minutes_from=row["minutes_from"],
        seconds_from=row["seconds_from"],
        dirty_hours=tuple(row["dirty_hours"]),
        hidden=tuple(map(Hidden, row["hidden_workspaces"], row["hidden_before"])),
    )
