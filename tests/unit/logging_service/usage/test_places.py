"""Where a page ended is what the next one is asked with, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logging.usage.places import Place, cursor_of, place_of
from shared.events.numbers import MAX_ID

_NAMES = st.lists(
    st.one_of(
        st.integers(0, MAX_ID),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    ),
    max_size=6,
)


@given(st.integers(0, MAX_ID), _NAMES)
def test_a_cursor_leads_back_to_its_place(bucket: int, names: list[int | str]) -> None:
    assert place_of(cursor_of(bucket, names)) == Place(bucket, tuple(names))


@given(st.text(max_size=40))
def test_whatever_else_comes_is_a_place_or_refused(cursor: str) -> None:
    try:
        place = place_of(cursor)
    except ValueError:
        return
    assert 0 <= place.bucket <= MAX_ID


@pytest.mark.parametrize(
    "cursor", ["", "!", "W10", "WzEuNV0", "Wy0xXQ", "e30", "W251bGxd", "WzEsW11d"]
)
def test_what_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        place_of(cursor)
