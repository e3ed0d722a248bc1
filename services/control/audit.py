"""Telling what people did: one `ActionTaken` for each change, in the change's own transaction."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson
from aiohttp import web

from services.control.client import Client
from services.control.state import SOURCE
from shared.events.audit import ActionTaken
from shared.events.catalog import AUDIT_ACTIONS
from shared.events.directory import Role
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.text import fit_text
from shared.http.assertions import Caller
from shared.kafka.outbox import enqueue
from shared.kafka.outbox_rows import OutboxRecord
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

CHANGED: Final = "changed"
"""Stands for the new value of a secret."""
_NOT_CODE: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_CODE: Final = 64
_MAX_LINE: Final = 256
_MAX_CHANGES: Final = 32


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
            request_id=_to_code(request.headers.get("x-request-id", "")),
        )


async def record_action(
    connection: Connection,
    actor: Actor,
    action: str,
    *,
    resource_id: object,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Put the action into the outbox. `action` is `<resource type>.<verb>`.

    Values of secrets must not be among `changes`; put CHANGED in their place.
    """
    told = list((changes or {}).items())[:_MAX_CHANGES]
    event = ActionTaken(
        action_id=new_event_id(),
        workspace_id=actor.workspace_id,
        actor_user_id=actor.user_id,
        actor_name=actor.name,
        action=action,
        resource_type=action.partition(".")[0],
        resource_id=_to_code(str(resource_id)),
        changes={name: _to_line(value) for name, value in told},
        client_address=actor.client_address,
        user_agent=actor.user_agent,
        request_id=actor.request_id,
        taken_at=utc_now(),
    )
    attributes = Attributes(id=event.action_id, source=SOURCE, time=event.taken_at)
    record = OutboxRecord(
        str(actor.workspace_id).encode(),
        encode_value(event),
        encode_headers(event.TYPE, attributes),
    )
    await enqueue(connection, AUDIT_ACTIONS.name, [record])


def _to_line(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return fit_text(text, _MAX_LINE)


def _to_code(text: str) -> str:
    """An id as an event can carry it; a model's name may hold a slash."""
    return _NOT_CODE.sub("_", text[:_MAX_CODE])
