"""What a party says of an hour of a workspace, in a few integers. Pure.

Two parties with the same figures have the same requests with the same units: a missing one shows
in the count, another one in the marks, and units that were swapped in the weighed sum.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

_MARK_BYTES: Final = 6
WEIGHTS: Final = 4096
"""The weighed sum takes so much of a mark; with the largest quota it fits into a bigint."""


class Bucket(NamedTuple):
    """One hour (Unix seconds of its beginning) of one workspace."""

    hour: int
    workspace_id: int


@dataclass(slots=True)
class Sums:
    """Of any number of requests, always as large."""

    count: int = 0
    units: int = 0
    marks: int = 0
    """Exclusive or over them: the order does not matter."""
    weighed: int = 0

    def add(self, mark: int, units: int) -> None:
        """One more request."""
        self.count += 1
        self.units += units
        self.marks ^= mark
        self.weighed += units * (mark % WEIGHTS)


def mark_of(request_id: str) -> int:
    """48 bits of a request's id, as the queries of `tables` reckon them."""
    digest = hashlib.md5(request_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[-_MARK_BYTES:])


def log_mark(mark: int, *, succeeded: bool) -> int:
    """A log row's mark: what was logged as a failure and did not fail has to show."""
    return mark if succeeded else mark << 1 | 1
