"""What the documentation says of the calls that show requests."""

from typing import Final

from services.logging.requests.query import ExportQuery, RequestFilterQuery, RequestQuery
from services.logging.shapes import requests as shapes
from shared.http.described import Answer, Described, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/api/requests",
        summary="One's requests, newest first; all of them to an admin, its own to a key",
        who=Who.USER_OR_KEY,
        query=RequestQuery,
        data=shapes.RequestPage,
    ),
    Described(
        method="GET",
        path="/api/requests/export",
        summary="Requests as a file, newest first: CSV or JSON Lines",
        who=Who.USER_OR_KEY,
        query=ExportQuery,
        answer=Answer.LINES,
    ),
    Described(
        method="GET",
        path="/api/requests/stream",
        summary="Requests as they happen, as server-sent events",
        who=Who.USER_OR_KEY,
        query=RequestFilterQuery,
        answer=Answer.EVENTS,
    ),
    Described(
        method="GET",
        path="/api/requests/{request_id}",
        summary="One request with its attempts, its limits and its charge",
        who=Who.USER_OR_KEY,
        data=shapes.RequestWhole,
        path_types=(("request_id", r"^[^/\x00-\x1f\x7f]{1,64}$"),),
    ),
)
