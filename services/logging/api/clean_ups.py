"""`DELETE /api/log/`, and `/api/log/clean-ups`: how far what was begun is. For admins."""

from aiohttp import web

from services.logging.api.failures import told_as
from services.logging.errors import (
    CLEAN_UP_FAILED,
    CLEAN_UP_GOES_ON,
    CLEAN_UPS_FAILED,
    NO_SUCH_CLEAN_UP,
    TARGET_REQUIRED,
)
from services.logging.listing.filters import CleanUpQuery, PageQuery
from services.logging.retention.clean_ups import CleanUps, StillDeletingError
from shared.audit.actions import Actor
from shared.events.numbers import MAX_ID
from shared.http.callers import admin_of
from shared.http.envelope import EnvelopeError, read_query, succeed


class CleanUpsApi:
    """Handlers."""

    def __init__(self, clean_ups: CleanUps) -> None:
        self._clean_ups = clean_ups

    async def delete(self, request: web.Request) -> web.Response:
        """Delete the rows before a time; `data` is how many there were."""
        caller = admin_of(request)
        query = read_query(request, CleanUpQuery)
        if query.target_timestamp <= 0:
            raise EnvelopeError(TARGET_REQUIRED)
        actor = Actor.from_request(request, caller)
        with told_as(CLEAN_UP_FAILED):
            try:
                return succeed(await self._clean_ups.delete_before(query.target_timestamp, actor))
            except StillDeletingError as error:
                raise EnvelopeError(CLEAN_UP_GOES_ON.format(error.clean_up_id)) from None

    async def list(self, request: web.Request) -> web.Response:
        """All that were ever begun, the newest first."""
        admin_of(request)
        page = read_query(request, PageQuery).page()
        with told_as(CLEAN_UPS_FAILED):
            items, total = await self._clean_ups.page(limit=page.size, offset=page.offset)
        return succeed(
            {"items": items, "total": total, "page": page.number, "page_size": page.size}
        )

    async def read(self, request: web.Request) -> web.Response:
        """One."""
        admin_of(request)
        clean_up_id = int(request.match_info["id"])
        with told_as(CLEAN_UPS_FAILED):
            found = await self._clean_ups.one(clean_up_id) if clean_up_id <= MAX_ID else None
        if found is None:
            raise EnvelopeError(NO_SUCH_CLEAN_UP)
        return succeed(found)
