"""What every call of `/api/usage` reads of its request and says in its answer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import USAGE_FAILED
from services.logging.metrics import LoggingMetrics
from services.logging.usage.asked import Dimension, UsageQuery
from services.logging.usage.freshness import LOGGING, Freshness
from services.logging.usage.sources import COLUMNS, Name, Wanted
from services.logging.usage.spans import SpanError
from shared.http.callers import user_of
from shared.http.envelope import EnvelopeError, read_query

_Query = TypeVar("_Query", bound=UsageQuery)


def asked(request: web.Request, model: type[_Query]) -> tuple[_Query, Wanted]:
    """What is asked for, and of whom: an admin of everybody. Raises EnvelopeError."""
    caller = user_of(request)
    query = read_query(request, model)
    return query, Wanted(query, None if caller.is_admin else caller.user_id)


@contextmanager
def answering(metrics: LoggingMetrics, which: str) -> Iterator[None]:
    """Raises EnvelopeError for a time that cannot be told, and for whatever the database raises."""
    with told_as(USAGE_FAILED), metrics.query_seconds.labels(which).time():
        try:
            yield
        except SpanError as error:
            raise EnvelopeError(str(error)) from None


def said(fresh: Freshness, wanted: Wanted, span: tuple[int, int]) -> dict[str, Any]:
    """How complete the answer is, and of which time. Which relay it is, admins are told."""
    held_back_by = list(fresh.held_back_by)
    if wanted.own_user_id is not None:
        held_back_by = sorted({each if each == LOGGING else "relay" for each in held_back_by})
    return {
        "complete_until": fresh.complete_until or None,
        "held_back_by": held_back_by,
        "kept_from": fresh.kept_from or None,
        "from": span[0],
        "to": span[1],
    }


def named(by: Dimension | None, name: Name, labels: Mapping[Name, str]) -> dict[str, Any]:
    """What an item is of. An id of 0 and an empty name are null: there was none."""
    if by is None:
        return {}
    told: dict[str, Any] = {COLUMNS[by]: name or None}
    if by in {Dimension.KEY, Dimension.USER}:
        told["name"] = labels.get(name)
    return told
