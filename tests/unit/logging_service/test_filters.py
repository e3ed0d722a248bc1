import pytest
from pydantic import ValidationError

from services.logging.listing.conditions import where
from services.logging.listing.filters import Filters, ListQuery, Page
from services.logging.statement_parts import like_pattern


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(number=1, size=20)),
        ({"p": "3", "page_size": "50"}, Page(number=3, size=50)),
        ({"p": "0", "ps": "7"}, Page(number=1, size=7)),
        ({"p": "-4", "size": "8"}, Page(number=1, size=8)),
        ({"page_size": "101"}, Page(number=1, size=100)),
        ({"page_size": "-1"}, Page(number=1, size=20)),
        ({"p": "", "page_size": ""}, Page(number=1, size=20)),
    ],
)
def test_paging(query: dict[str, str], page: Page) -> None:
    assert ListQuery.model_validate(query).page() == page


@pytest.mark.parametrize("field", ["p", "page_size", "type", "start_timestamp", "channel"])
@pytest.mark.parametrize("value", ["x", "1.5", "1e3", "0x1", "9" * 19, "9" * 5000, "１", "\0"])
def test_what_is_no_number_in_range_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        ListQuery.model_validate({field: value})


@pytest.mark.parametrize("field", ["username", "token_name", "model_name", "group", "request_id"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 257, "tab\t"])
def test_text_that_no_row_can_have_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        ListQuery.model_validate({field: value})


def test_empty_and_zero_filter_nothing() -> None:
    query = ListQuery.model_validate({"type": "0", "channel": "", "username": "", "group": ""})

    assert where(query.filters()) == ("true", [])


@pytest.mark.parametrize(
    ("wildcard", "pattern"),
    [("gpt-4%", "gpt-4%"), ("a_b%", r"a\_b%"), ("a\\%", "a\\\\%"), ("%%%x", "%x")],
)
def test_only_the_percent_sign_is_a_wildcard(wildcard: str, pattern: str) -> None:
    assert like_pattern(wildcard) == pattern


def test_values_are_parameters_and_never_text() -> None:
    clause, values = where(Filters(username="x'; DROP TABLE logs --", model_name="'%", type=2))

    assert "DROP" not in clause
    assert values == [2, "x'; DROP TABLE logs --", "'%"]
    assert all(f"${position}" in clause for position in (1, 2, 3))
