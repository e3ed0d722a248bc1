"""Telling what people did: one `ActionTaken` for each change, in the change's own transaction."""

from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from aiohttp import web

from services.control.client import Client
from services.control.state.state import SOURCE
from shared.audit.actions import record_action as record_action_from
from shared.audit.actions import to_code
from shared.events.directory import Role
from shared.http.assertions import Caller

CHANGED: Final = "changed"
"""Stands for the new value of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where."""

    user_id: int
    name: str
    role: Role
    workspace_id: int
    session_id: int | None = None
    """The session that was shown; None for an access token."""
    client_address: str = ""
    user_agent: str = ""
    request_id: str = ""

    @classmethod
    def from_request(cls, request: web.Request, caller: Caller) -> Self:
        """The verified caller of a request."""
        client = Client.of(request)
        return cls(
            user_id=caller.user_id,
            name=caller.username,
            role=caller.role,
            workspace_id=caller.workspace_id,
            session_id=caller.session_id,
            client_address=client.address,
            user_agent=client.user_agent,
            request_id=to_code(request.headers.get("x-request-id", "")),
        )


record_action: Final = partial(record_action_from, source=SOURCE)
"""See `shared.audit.actions`. For the value of a secret, put CHANGED in its place."""
