"""Counts alone tell where a page lies: what is walked is the page, whatever lies around it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.logging.listing.places import MOST_WALKS, Piece, Walk, covered, depth, walks


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[Piece], list[tuple[int, int]]]:
    """Pieces, newest first, and the rows in them as (time, id), newest first."""
    pieces: list[Piece] = []
    rows: list[tuple[int, int]] = []
    lower = 0
    for _ in range(draw(st.integers(0, 25))):
        lower += draw(st.sampled_from((0, 0, 1, 7, 100)))
        upper = lower + draw(st.sampled_from((1, 10, 60)))
        times = sorted(draw(st.lists(st.integers(lower, upper - 1), max_size=6)))
        pieces.append(Piece(lower, upper, len(times)))
        rows += ((time, len(rows) + number) for number, time in enumerate(times))
        lower = upper
    return pieces[::-1], sorted(rows, reverse=True)


def walked(rows: list[tuple[int, int]], way: Walk) -> list[tuple[int, int]]:
    there = [row for row in rows if way.lower <= row[0] < way.upper]
    ordered = there if way.is_newest_first else there[::-1]
    part = ordered[way.offset : way.offset + way.limit]
    assert len(part) == way.limit
    return part if way.is_newest_first else part[::-1]


@given(lists(), st.integers(0, 80), st.integers(1, 30))
def test_the_walks_of_a_page_are_the_page(
    made: tuple[list[Piece], list[tuple[int, int]]], offset: int, size: int
) -> None:
    pieces, rows = made
    found = covered(pieces, offset, size)
    planned = walks(found, size)

    assert [row for way in planned for row in walked(rows, way)] == rows[offset : offset + size]
    assert len(planned) <= MOST_WALKS
    assert all(newer.lower >= older.upper for newer, older in pairwise(planned))
    assert all(way.limit > 0 for way in planned)


@given(lists(), st.integers(0, 80), st.integers(1, 30))
def test_pieces_without_rows_are_left_out(
    made: tuple[list[Piece], list[tuple[int, int]]], offset: int, size: int
) -> None:
    found = covered(made[0], offset, size)

    assert all(piece.rows for piece in found.pieces)
    assert not found.pieces or found.offset < found.pieces[0].rows


def test_the_last_page_of_a_long_piece_is_read_from_its_end() -> None:
    found = covered([Piece(0, 60, 1_000)], 980, 20)

    assert walks(found, 20) == [Walk(0, 60, 0, 20, is_newest_first=False)]
    assert depth(found, 20) == 0
    assert depth(covered([Piece(0, 60, 1_000)], 500, 20), 20) == 480


def test_behind_the_last_row_nothing_is_walked() -> None:
    found = covered([Piece(0, 60, 10)], 10, 20)

    assert (found.pieces, walks(found, 20), depth(found, 20)) == ([], [], 0)
