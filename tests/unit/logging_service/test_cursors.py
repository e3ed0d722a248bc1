"""A cursor is taken back as it was given, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.logging.listing.cursors import cursor_of, place_of
from services.logging.listing.filters import ListQuery

numbers = st.integers(-(2**63), 2**63 - 1)


@given(numbers, numbers)
def test_a_cursor_is_the_place_that_it_was_made_of(created_at: int, row_id: int) -> None:
    cursor = cursor_of(created_at, row_id)

    assert place_of(cursor) == (created_at, row_id)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert ListQuery.model_validate({"cursor": cursor}).after() == (created_at, row_id)


@pytest.mark.parametrize(
    "text",
    ["x", "AAAA", "!" * 22, "é" * 22, cursor_of(1, 2) + "A", cursor_of(1, 2)[:-1], "A" * 400],
)
def test_what_no_page_gave_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        place_of(text)
    with pytest.raises(ValidationError):
        ListQuery.model_validate({"cursor": text})


@given(st.text(max_size=30))
def test_any_text_is_a_cursor_of_ours_or_refused(text: str) -> None:
    try:
        place = place_of(text)
    except ValueError:
        return
    assert cursor_of(*place) == text


def test_an_empty_one_is_none() -> None:
    assert ListQuery.model_validate({"cursor": " "}).after() is None
