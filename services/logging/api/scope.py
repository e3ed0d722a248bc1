"""Whose rows a call reads, and what of them its caller sees."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from aiohttp import web

from services.logging.listing.filters import Filters, ListQuery
from services.logging.listing.views import admin_view, user_view
from shared.http.callers import admin_of, user_of
from shared.http.envelope import read_query

_Query = TypeVar("_Query", bound=ListQuery)


class Scope(NamedTuple):
    """Filters that no parameter widens, and the view of each row."""

    filters: Filters
    view: Callable[[Mapping[str, Any]], dict[str, Any]]


def everything(request: web.Request, model: type[_Query]) -> tuple[_Query, Scope]:
    """What the query asks for. Raises EnvelopeError; first where the caller is no admin."""
    admin_of(request)
    query = read_query(request, model)
    return query, Scope(query.filters(), admin_view)


def own(request: web.Request, model: type[_Query]) -> tuple[_Query, Scope]:
    """Of what the query asks for, the caller's own. Raises EnvelopeError."""
    caller = user_of(request)
    query = read_query(request, model)
    return query, Scope(replace(query.filters(), user_id=caller.user_id), user_view)
