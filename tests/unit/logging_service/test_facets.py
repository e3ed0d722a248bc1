"""Each mix of filters is answered by the counts with the fewest series that have its columns."""

import pytest

from services.logging.buckets import Grain
from services.logging.ingest.counting import Facet
from services.logging.listing.counting import counting
from services.logging.listing.facets import facet_for, series_condition
from services.logging.listing.filters import Filters
from services.logging.listing.grains import Part
from services.logging.listing.moments import Hidden, Moment
from services.logging.statement_parts import Values


@pytest.mark.parametrize(
    ("filters", "facet"),
    [
        (Filters(), Facet.ALL),
        (Filters(type=2, start_timestamp=1, end_timestamp=5), Facet.ALL),
        (Filters(is_request=True), Facet.ALL),
        (Filters(model_name="gpt%"), Facet.SITE),
        (Filters(type=4, channel_id=0, group="vip"), Facet.SITE),
        (Filters(token_name="default", model_names=("a", "b")), Facet.NAME),
        (Filters(token_name="default", username="ada"), Facet.KEY),
        (Filters(user_id=0), Facet.KEY),
        (Filters(token_id=70), Facet.KEY),
        (Filters(workspace_id=7, model_name="x"), Facet.KEY),
        (Filters(request_id="x"), None),
        (Filters(upstream_request_id="x", user_id=3), None),
    ],
)
def test_the_first_facet_with_all_columns(filters: Filters, facet: Facet | None) -> None:
    assert facet_for(filters) is facet


def test_values_are_parameters_and_never_text() -> None:
    values = Values()
    evil = "x'; DROP TABLE logs --"

    clause = series_condition(
        Facet.KEY, Filters(username=evil, group=evil, model_name=evil + "%"), values
    )

    assert "DROP" not in clause
    assert len(values) == 3
    assert all(f"${position}" in clause for position in (1, 2, 3))


def test_many_parts_of_one_grain_are_one_query() -> None:
    """After an upgrade there may be thousands of dirty hours between those that are counted."""
    parts = [Part(Grain.HOUR, hour * 7200, hour * 7200 + 3600) for hour in range(1_000)]
    parts += [Part(None, part.upper, part.upper + 3600) for part in parts]
    moment = Moment(0, 0, 0, hidden=(Hidden(7, 5),))

    statement, values = counting(Filters(user_id=3), Facet.KEY, parts, moment)

    assert statement.count("log_counts_hour") == statement.count("FROM logs") == 1
    assert len(values) < 20
