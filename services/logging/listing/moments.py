"""What of the rows and of their counts may be looked at, as one snapshot has it. Pure."""

from typing import NamedTuple

from services.logging.listing.filters import Filters
from services.logging.listing.stretches import FAR, Stretch


class Hidden(NamedTuple):
    """Rows of a workspace that are being deleted, and are seen no more."""

    workspace_id: int
    before: int
    """Unix seconds."""


class Moment(NamedTuple):
    """The state that a snapshot of the tables is read by. Unix seconds."""

    refuse_before: int
    """Whatever is older is gone, also where its deletion is under way."""
    minutes_from: int
    """Counts by the minute are whole from here on."""
    seconds_from: int
    dirty_hours: tuple[int, ...] = ()
    """Hours whose counts are not whole, ascending: their rows are counted."""
    hidden: tuple[Hidden, ...] = ()

    def stretch_of(self, filters: Filters) -> Stretch:
        """The time that the filters ask for, as far as there is something to be seen in it."""
        asked, end = filters.start_timestamp, filters.end_timestamp
        lower = self.refuse_before if asked is None else max(asked, self.refuse_before)
        upper = FAR if end is None else min(end + 1, FAR)
        return Stretch(min(lower, FAR), max(upper, min(lower, FAR)))
