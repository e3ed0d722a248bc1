"""Telling what admins did: one `ActionTaken` for each change, in the change's own transaction."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web

from services.billing.ledger_events import SOURCE
from shared.events.audit import ActionTaken
from shared.events.catalog import AUDIT_ACTIONS
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.text import fit_text
from shared.http.assertions import Caller
from shared.http.callers import admin_of
from shared.kafka.outbox import enqueue
from shared.kafka.outbox_rows import OutboxRecord
from shared.postgres.retrying import Connection
from shared.service.clock import utc_now

_CLIENT_ADDRESS_HEADER: Final = "x-ledgerline-client-address"
"""Set by the relay, which strips what a client sends under such names."""
_NOT_CODE: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_MAX_CODE: Final = 64
_MAX_LINE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Who acts, and from where."""

    caller: Caller
    client_address: str = ""
    user_agent: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The verified caller, who must be an admin. Raises EnvelopeError 401 or 403."""
        headers = request.headers
        return cls(
            caller=admin_of(request),
            client_address=fit_text(headers.get(_CLIENT_ADDRESS_HEADER, ""), _MAX_CODE),
            user_agent=fit_text(headers.get("User-Agent", ""), _MAX_LINE),
            request_id=_to_code(headers.get("x-request-id", "")),
        )


async def record_action(
    connection: Connection,
    admin: Admin,
    action: str,
    *,
    resource_id: object,
    workspace_id: int | None = None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Put the action into the outbox. `action` is `<resource type>.<verb>`.

    `workspace_id` is the one acted on; without it, the admin's own: the action is the whole site's.
    """
    event = ActionTaken(
        action_id=new_event_id(),
        workspace_id=workspace_id or admin.caller.workspace_id,
        actor_user_id=admin.caller.user_id,
        actor_name=fit_text(admin.caller.username, 128),
        action=action,
        resource_type=action.partition(".")[0],
        resource_id=_to_code(str(resource_id)),
        changes={n: fit_text(str(v), _MAX_LINE) for n, v in (changes or {}).items()},
        client_address=admin.client_address,
        user_agent=admin.user_agent,
        request_id=admin.request_id,
        taken_at=utc_now(),
    )
    attributes = Attributes(id=event.action_id, source=SOURCE, time=event.taken_at)
    record = OutboxRecord(
        str(event.workspace_id).encode(),
        encode_value(event),
        encode_headers(event.TYPE, attributes),
    )
    await enqueue(connection, AUDIT_ACTIONS.name, [record])


def _to_code(text: str) -> str:
    """An id as an event can carry it; a model's name may hold a slash."""
    return _NOT_CODE.sub("_", text[:_MAX_CODE])
