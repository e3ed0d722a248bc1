"""`GET /api/data/` and `/api/data/self`: use by the hour."""

from typing import Annotated, Final, NamedTuple

import asyncpg
from aiohttp import web
from pydantic import BeforeValidator, Field, StringConstraints

from services.billing.api.requests import Body
from services.billing.usage.store_hours import HoursOfUse, TooManyRowsError
from shared.events.numbers import MAX_ID
from shared.http.callers import admin_of, user_of
from shared.http.envelope import EnvelopeError, read_query, succeed
from shared.service.clock import utc_now

HOUR_S: Final = 3600
SPAN_S: Final = 30 * 24 * HOUR_S
"""The longest span of a user's; also the one that is told where none is asked for."""
_MAX_NAME: Final = 128


def _given(value: object) -> object:
    """An empty parameter is one that was not given: forms send every field."""
    return 0 if value == "" else value


_Seconds = Annotated[int, Field(ge=0, le=MAX_ID), BeforeValidator(_given)]


class HoursQuery(Body):
    """From when to when, in Unix seconds, and for an admin whose."""

    start_timestamp: _Seconds = 0
    end_timestamp: _Seconds = 0
    username: Annotated[
        str, StringConstraints(max_length=_MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")
    ] = ""


class Span(NamedTuple):
    """From one hour's beginning to a moment, in Unix seconds, both included."""

    first: int
    last: int
    length_s: int
    """From the moment that was asked for, and not from its hour."""


def span_of(start: int, end: int, *, now: int) -> Span:
    """The span asked for; 0 is not given. It begins with the hour that `start` lies in."""
    last = end or now
    start = start or max(0, last - SPAN_S)
    return Span(start - start % HOUR_S, last, last - start)


class HoursApi:
    """Handlers."""

    def __init__(self, hours: HoursOfUse) -> None:
        self._hours = hours

    async def all(self, request: web.Request) -> web.Response:
        """Everybody's use by model and hour, or one user's by name. For an admin."""
        admin_of(request)
        query = read_query(request, HoursQuery)
        first, last, _ = _span(query)
        try:
            if query.username:
                return succeed(await self._hours.of_username(first, last, query.username))
            return succeed(await self._hours.of_all(first, last))
        except (TooManyRowsError, asyncpg.QueryCanceledError):
            raise EnvelopeError("that is too much at once: ask for a shorter span") from None

    async def own(self, request: web.Request) -> web.Response:
        """The caller's use by model and hour, over 30 days at the most."""
        caller = user_of(request)
        first, last, length_s = _span(read_query(request, HoursQuery))
        if length_s > SPAN_S:
            raise EnvelopeError("the span may be 30 days at the most")
        return succeed(await self._hours.of_user(first, last, caller.user_id))


def _span(query: HoursQuery) -> Span:
    return span_of(query.start_timestamp, query.end_timestamp, now=int(utc_now().timestamp()))
