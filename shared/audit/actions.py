"""Telling what people did: one `ActionTaken` for each change, in the change's own transaction."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import orjson
from aiohttp import web

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

CLIENT_ADDRESS_HEADER: Final = "x-ledgerline-client-address"
"""Set by the relay, which strips what a client sends under such names."""
_NOT_CODE: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_CODE: Final = 64
_MAX_NAME: Final = 128
_MAX_LINE: Final = 256
_MAX_CHANGES: Final = 32


class Acting(Protocol):
    """What an event says of who acts."""

    @property
    def user_id(self) -> int:
        """The user's id."""

    @property
    def name(self) -> str:
        """The user's name."""

    @property
    def workspace_id(self) -> int:
        """The user's own workspace."""

    @property
    def client_address(self) -> str:
        """Of the call; empty where nobody called."""

    @property
    def user_agent(self) -> str:
        """Of the call."""

    @property
    def request_id(self) -> str:
        """Of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and from where: an Acting."""

    user_id: int
    name: str
    role: Role
    workspace_id: int
    client_address: str = ""
    user_agent: str = ""
    request_id: str = ""

    @classmethod
    def from_request(cls, request: web.Request, caller: Caller) -> Self:
        """The verified caller of a request."""
        headers = request.headers
        return cls(
            user_id=caller.user_id,
            name=caller.username,
            role=caller.role,
            workspace_id=caller.workspace_id,
            client_address=fit_text(headers.get(CLIENT_ADDRESS_HEADER, ""), _MAX_CODE),
            user_agent=fit_text(headers.get("User-Agent", ""), _MAX_LINE),
            request_id=to_code(headers.get("x-request-id", "")),
        )


async def record_action(
    connection: Connection,
    actor: Acting,
    action: str,
    *,
    source: str,
    resource_id: object,
    workspace_id: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Put the action into the outbox. `action` is `<resource type>.<verb>`.

    `workspace_id` is the one acted on; without it the actor's own, as where the action is on the
    whole site. Values of secrets must not be among `changes`.
    """
    told = list((changes or {}).items())[:_MAX_CHANGES]
    event = ActionTaken(
        action_id=new_event_id(),
        workspace_id=workspace_id or actor.workspace_id,
        actor_user_id=actor.user_id,
        actor_name=fit_text(actor.name, _MAX_NAME),
        action=action,
        resource_type=action.partition(".")[0],
        resource_id=to_code(str(resource_id)),
        changes={name: _to_line(value) for name, value in told},
        client_address=actor.client_address,
        user_agent=actor.user_agent,
        request_id=actor.request_id,
        taken_at=utc_now(),
    )
    attributes = Attributes(id=event.action_id, source=source, time=event.taken_at)
    record = OutboxRecord(
        str(event.workspace_id).encode(),
        encode_value(event),
        encode_headers(event.TYPE, attributes),
    )
    await enqueue(connection, AUDIT_ACTIONS.name, [record])


def to_code(text: str) -> str:
    """An id as an event can carry it; a model's name may hold a slash."""
    return _NOT_CODE.sub("_", text[:_MAX_CODE])


def _to_line(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return fit_text(text, _MAX_LINE)
