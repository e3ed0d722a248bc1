"""Where in time a page lies, found by counts alone. Pure.

A list is newest first, and so are the pieces here: stretches of time, each with the number of rows
that match in it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

MOST_WALKS: Final = 8
"""Queries that one page takes at the most: what lies between two walks is then walked as well."""


class Piece(NamedTuple):
    """A stretch of time, and how much of what is asked for it holds."""

    lower: int
    upper: int
    rows: int
    quota: int = 0
    tokens: int = 0


class Covered(NamedTuple):
    """The pieces that a page lies in."""

    pieces: list[Piece]
    offset: int
    """Rows of the first piece, the newest ones, that come before the page."""


class Walk(NamedTuple):
    """One way along an index: a part of a page."""

    lower: int
    upper: int
    offset: int
    """Rows to be passed over, from where it begins."""
    limit: int
    is_newest_first: bool
    """Else it begins at the oldest, because that is nearer, and its rows are to be turned."""


def covered(pieces: Iterable[Piece], offset: int, size: int) -> Covered:
    """Those of the pieces that hold the rows from `offset` on, `size` of them; none is empty."""
    held: list[Piece] = []
    passed, first = 0, 0
    for piece in pieces:
        if passed >= offset + size:
            break
        if piece.rows and passed + piece.rows > offset:
            if not held:
                first = offset - passed
            held.append(piece)
        passed += piece.rows
    return Covered(held, first)


def depth(found: Covered, size: int) -> int:
    """Rows to be passed over on the way to the page in its first piece, from the nearer end."""
    if not found.pieces:
        return 0
    return min(found.offset, max(0, found.pieces[0].rows - found.offset - size))


def walks(found: Covered, size: int) -> list[Walk]:
    """How the page is read, newest first."""
    planned: list[Walk] = []
    left, offset = size, found.offset
    for lower, upper, rows in _runs(found.pieces):
        limit = min(left, rows - offset)
        behind = rows - offset - limit
        planned.append(Walk(lower, upper, min(offset, behind), limit, offset <= behind))
        left -= limit
        offset = 0
    return planned


def _runs(pieces: Sequence[Piece]) -> list[tuple[int, int, int]]:
    """Stretches that are walked in one go, with their rows: at first those that touch."""
    gaps = sorted(
        (newer.lower - older.upper for newer, older in pairwise(pieces)),
        reverse=True,
    )
    # Of many, only the widest gaps are worth a query of their own.
    least = max(1, gaps[MOST_WALKS - 1] + 1) if len(gaps) >= MOST_WALKS else 1
    runs: list[tuple[int, int, int]] = []
    for piece in pieces:
        if runs and runs[-1][0] - piece.upper < least:
            _, upper, rows = runs[-1]
            runs[-1] = (piece.lower, upper, rows + piece.rows)
        else:
            runs.append((piece.lower, piece.upper, piece.rows))
    return runs
