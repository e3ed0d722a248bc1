"""Telling what admins did: one `ActionTaken` for each change, in the change's own transaction."""

from functools import partial
from typing import Final, Self

from aiohttp import web

from services.billing.ledger.events import SOURCE
from shared.audit.actions import Actor
from shared.audit.actions import record_action as record_action_from
from shared.http.callers import admin_of

record_action: Final = partial(record_action_from, source=SOURCE)
"""See `shared.audit.actions`."""


class Admin(Actor):
    """An Actor with rights over the site."""

    __slots__ = ()

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The verified caller, who must be an admin. Raises EnvelopeError 401 or 403."""
        return cls.from_request(request, admin_of(request))
