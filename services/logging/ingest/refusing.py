"""What is not written any more: events of a time that was deleted. Pure.

Nothing that was deleted comes back, however late its event is. What is refused is only counted.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.logging.buckets import Grain
from services.logging.rows.rows import LogRow


class Horizons(NamedTuple):
    """Unix seconds; what is older is gone."""

    site: int
    workspaces: Mapping[int, int]
    """Of those that keep their rows for a shorter time."""

    def refuses(self, row: LogRow) -> bool:
        """Whether the row belongs to a time that was deleted."""
        return row.created_at < self.site or (
            bool(self.workspaces) and row.created_at < self.workspaces.get(row.workspace_id, 0)
        )


class Refused(NamedTuple):
    """What was refused of an hour of a workspace."""

    events: int
    quota: int


def count_refused(rows: Iterable[LogRow]) -> dict[tuple[int, int], Refused]:
    """By hour and workspace."""
    found: dict[tuple[int, int], Refused] = {}
    for row in rows:
        place = row.created_at // Grain.HOUR * Grain.HOUR, row.workspace_id
        events, quota = found.get(place, (0, 0))
        found[place] = Refused(events + 1, quota + row.quota)
    return found
