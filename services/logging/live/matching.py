"""Whether a request is one of those that were asked for, as the database would say. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID

from services.logging.requests.filters import EQUAL, RequestFilters, status_range

Matches: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Takes a row: columns to values."""
_EQUAL: Final = (
    *((column, name) for column, name, kind in EQUAL if kind != "uuid"),
    ("request_id", "request_id"),
)
"""Column and filter. An id of a trace has two forms."""


def matcher(filters: RequestFilters) -> Matches:
    """What says whether a row matches all of the filters."""
    wanted = [
        (column, value) for column, name in _EQUAL if (value := getattr(filters, name)) is not None
    ]
    further = list(_further(filters))

    def matches(row: Mapping[str, Any]) -> bool:
        for column, value in wanted:
            if row[column] != value:
                return False
        return all(test(row) for test in further)

    return matches


def _further(filters: RequestFilters) -> list[Matches]:
    tests: list[Matches] = []
    if filters.since is not None:
        tests.append(_at_least("created_at", filters.since))
    if filters.to is not None:
        tests.append(_at_most("created_at", filters.to))
    if filters.min_latency_ms is not None:
        tests.append(_at_least("latency_ms", filters.min_latency_ms))
    if filters.status is not None:
        least, most = status_range(filters.status)
        tests += [_at_least("status_code", least), _at_most("status_code", most)]
    if filters.model is not None:
        tests.append(_is_like("model_name", filters.model))
    if filters.trace_id is not None:
        tests.append(_is_trace(filters.trace_id))
    return tests


def _at_least(column: str, least: int) -> Matches:
    return lambda row: row[column] is not None and row[column] >= least


def _at_most(column: str, most: int) -> Matches:
    return lambda row: row[column] is not None and row[column] <= most


def _is_like(column: str, wildcard: str) -> Matches:
    if "%" not in wildcard:
        return lambda row: row[column] == wildcard
    first, *between, last = wildcard.split("%")

    def matches(row: Mapping[str, Any]) -> bool:
        # Each part at its first place: a regular expression would try all places of all parts,
        # which takes longer than anybody lives, and holds up everybody else on the loop.
        name = row[column]
        at, end = len(first), len(name) - len(last)
        if at > end or not (name.startswith(first) and name.endswith(last)):
            return False
        for part in between:
            found = name.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return matches


def _is_trace(trace_id: str) -> Matches:
    wanted = UUID(trace_id)
    return lambda row: row["trace_id"] is not None and UUID(str(row["trace_id"])) == wanted
