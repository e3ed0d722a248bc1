"""What is asked of requests and of usage: an empty parameter was not given, a wrong one is told."""

import pytest
from aiohttp.test_utils import make_mocked_request

from services.logging.parameters import MAX_TIMESTAMP, Parameters, page_size_of
from services.logging.requests.query import ExportQuery, RequestQuery
from services.logging.usage.asked import RowsQuery, SeriesQuery, TopQuery, UsageQuery
from services.logging.usage.places import cursor_of
from shared.events.numbers import MAX_ID
from shared.http.envelope import EnvelopeError, read_query

MODELS = (RequestQuery, ExportQuery, UsageQuery, SeriesQuery, TopQuery, RowsQuery)
OPTIONAL = [
    (model, field.alias or name)
    for model in MODELS
    for name, field in model.model_fields.items()
    if not field.is_required()
]
NEEDED: dict[type[Parameters], str] = {TopQuery: "by=model&"}


def asked(model: type[Parameters], query: str) -> Parameters:
    """As a handler reads it."""
    return read_query(make_mocked_request("GET", f"/?{NEEDED.get(model, '')}{query}"), model)


@pytest.mark.parametrize(("model", "name"), OPTIONAL)
@pytest.mark.parametrize("empty", ["", "%20%20"])
def test_an_empty_parameter_was_not_given(model: type[Parameters], name: str, empty: str) -> None:
    assert asked(model, f"{name}={empty}") == asked(model, "")


def test_what_has_to_be_given_may_not_be_empty() -> None:
    with pytest.raises(EnvelopeError, match="by: Field required"):
        read_query(make_mocked_request("GET", "/?by="), TopQuery)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", ["-1", str(MAX_TIMESTAMP + 1), "1.5", "noon", "9" * 5_000])
def test_a_time_that_is_no_unix_second_is_told(
    model: type[Parameters], name: str, value: str
) -> None:
    with pytest.raises(EnvelopeError, match=f"{name}: ") as told:
        asked(model, f"{name}={value}")
    assert told.value.http_status == 200


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", ["%00", "a%0Ab", "x" * 129])
def test_a_model_that_nothing_has_is_told(model: type[Parameters], value: str) -> None:
    with pytest.raises(EnvelopeError, match="model: "):
        asked(model, f"model={value}")


@pytest.mark.parametrize(
    ("wanted", "size"), [(None, 20), (0, 20), (-1, 20), (7, 7), (100, 100), (101, 100)]
)
def test_a_page_has_as_many_as_are_asked_for_within_bounds(wanted: int | None, size: int) -> None:
    assert page_size_of(wanted) == size


def test_the_longest_cursor_that_a_page_gives_is_taken() -> None:
    cursor = cursor_of(MAX_TIMESTAMP, [MAX_ID, MAX_ID, MAX_ID, MAX_ID, MAX_ID, "\U0001f600" * 128])

    assert RowsQuery.model_validate({"cursor": cursor}).place is not None
