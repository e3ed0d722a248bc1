"""What a rebuild says of an hour. Pure."""

from datetime import UTC, datetime
from typing import NamedTuple


class Rebuilt(NamedTuple):
    """What became of an hour."""

    hour: int
    rows: int
    counts: bool
    """False: its rows are from before the horizon, and nobody reads counts of it."""
    usage: bool
    """False: some of its rows were deleted, or its usage is no longer kept."""

    why: str = ""
    """Said where neither was rebuilt, if there is more to say."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left as it was."""
        return self.counts and self.usage

    @property
    def as_text(self) -> str:
        """A line for a person."""
        begins = datetime.fromtimestamp(self.hour, UTC).strftime("%Y-%m-%d %H:%M")
        if self.why:
            return f"{begins} ({self.hour})  not rebuilt: {self.why}"
        left = ""
        if not self.counts:
            left = ": left as it was, its rows are from before the horizon"
        elif not self.usage:
            left = ", without usage, which is left as it was: not all of its rows are there"
        return f"{begins} ({self.hour})  {self.rows:,} rows{left}"
