"""How far a run is."""

from typing import Any, NamedTuple


class Reached(NamedTuple):
    """After a whole number of chunks."""

    position: Any = None
    """Where the next chunk begins, as the source says it."""
    looked_at: int = 0
    not_rateable: int = 0
    """Charges that say too little of what they were reckoned from: they are in no sum."""
    unreadable: int = 0
    """Records that nobody can read; billing set them aside."""
    repeated: int = 0
    """Requests that came again, and were counted once."""
    is_done: bool = False
