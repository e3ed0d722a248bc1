"""Up to when log rows were deleted: nobody has to miss them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Horizons:
    """Unix seconds; what is older may be gone, and 0 is never."""

    site: int = 0
    workspaces: Mapping[int, int] = field(default_factory=dict)
    """Of those that keep their rows for less time."""
    refused_events: int = 0
    """Events that came when their time was deleted already: no row, no figure."""
    refused_units: int = 0

    def of(self, workspace_id: int) -> int:
        """Up to when rows of a workspace were deleted."""
        return max(self.site, self.workspaces.get(workspace_id, 0))

    def notes(self, consequence: str) -> Iterator[str]:
        """What is said of it, with what that means here."""
        if self.site:
            yield f"log rows older than {_text(self.site)} were deleted: {consequence}"
        if self.workspaces:
            newest = _text(max(self.workspaces.values()))
            yield (
                f"{len(self.workspaces)} workspaces keep their log rows for less time, until"
                f" {newest} at the latest: {consequence}"
            )
        if self.refused_events:
            yield (
                f"{self.refused_events} events of {self.refused_units} units came when their time"
                " was deleted already: they have no log row"
            )


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
