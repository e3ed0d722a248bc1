"""Which counts answer which filters. Pure.

Rows are counted in four ways, each by some of their columns (`log_series.facet`): the fewer
columns, the fewer series a sum is of. The first that has every column of the filters is read.
"""

from typing import Final

from services.logging.ingest import counting
from services.logging.ingest.counting import Facet
from services.logging.listing.conditions import equalities, model_condition
from services.logging.listing.filters import Filters
from services.logging.statement_parts import Values, request_row

GRAINS: Final = {
    facet: tuple(sorted(grains, reverse=True)) for facet, grains in counting.GRAINS.items()
}
"""What each is counted by, the coarsest first."""
_SITE: Final = frozenset({"type", "is_request", "model_name", "model_names", "channel_id", "group"})
_COLUMNS: Final = {
    Facet.ALL: frozenset({"type", "is_request"}),
    Facet.SITE: _SITE,
    Facet.NAME: _SITE | {"token_name"},
    Facet.KEY: _SITE | {"token_name", "username", "user_id", "token_id", "workspace_id"},
}


def facet_for(filters: Filters) -> Facet | None:
    """The first that has every column of the filters; None where rows have to be looked at."""
    filtered = filters.columns()
    return next((facet for facet, columns in _COLUMNS.items() if filtered <= columns), None)


def series_condition(facet: Facet, filters: Filters, values: Values) -> str:
    """The condition on `log_series` (as `s`) of the series that the filters take."""
    terms = [f"s.facet = {facet:d}", *equalities(filters, values, prefix="s.")]
    terms += model_condition(filters, values, prefix="s.")
    if filters.is_request:
        terms.append(request_row("s."))
    return " AND ".join(terms)
