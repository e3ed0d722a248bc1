"""`/internal/*`: who calls, who signs that, and keys that a relay does not have yet."""

from typing import Annotated, Any, Final

import asyncpg
import orjson
from aiohttp import web
from pydantic import Field

from services.control.api.requests import Body
from services.control.errors import not_found
from services.control.keys.store_keys import read_key_terms
from services.control.keys.store_secrets import find_key
from services.control.sessions.credentials import CredentialKind, Refusal
from services.control.sessions.sessions import Sessions
from services.control.state.state import render
from services.control.state.state_keys import (
    DIRECTORY,
    KEYS,
    hashed_key,
    user_key,
    workspace_key,
)
from shared.events.text import Address, Code
from shared.http.assertions import LIFETIME, AssertionSigner
from shared.http.envelope import EnvelopeError, read_body
from shared.http.internal_server import calling_service

_RELAY: Final = "relay"
_BILLING: Final = "billing"
_MAX_CREDENTIAL: Final = 4096


class _Credential(Body):
    kind: CredentialKind
    value: Annotated[str, Field(max_length=_MAX_CREDENTIAL)]


class _Authenticate(Body):
    credential: _Credential
    audience: Annotated[Code, Field(min_length=1)]
    client_address: Address = ""
    """Of who shows the credential: a key may be for some addresses only."""


class InternalApi:
    """Handlers. The answers are plain JSON, without the envelope."""

    def __init__(self, *, pool: asyncpg.Pool, sessions: Sessions, signer: AssertionSigner) -> None:
        self._pool = pool
        self._sessions = sessions
        self._signer = signer

    async def assertion_keys(self, _request: web.Request) -> web.Response:
        """The public key of the assertions, for whoever has a service credential."""
        return _json(self._signer.jwks())

    async def authenticate(self, request: web.Request) -> web.Response:
        """An assertion for the holder of a credential, or why there is none."""
        _require_relay(request)
        try:
            body = await read_body(request, _Authenticate)
        except EnvelopeError as error:
            raise EnvelopeError(error.message, http_status=400) from None
        shown = body.credential
        judged = await self._sessions.authenticate(
            shown.kind, shown.value, client_address=body.client_address
        )
        if isinstance(judged, Refusal):
            return _json({"assertion": None, "reason": judged.value})
        return _json(
            {
                "assertion": self._signer.sign(judged, audience=body.audience),
                "expires_in_s": int(LIFETIME.total_seconds()),
                "user_id": judged.user_id,
            }
        )

    async def key(self, request: web.Request) -> web.Response:
        """A key by its hash, with the user and the workspace; each as on its state topic."""
        _require_relay(request)
        key_hash = request.match_info["key_hash"]
        owner = await find_key(self._pool, bytes.fromhex(key_hash))
        if owner is None:
            raise EnvelopeError(not_found("key").message, http_status=404)
        user, workspace = user_key(owner["user_id"]), workspace_key(owner["workspace_id"])
        # Both are rendered as for the topics, so that there is one way to read a row.
        keys = await render(self._pool, KEYS, [hashed_key(bytes.fromhex(key_hash))])
        directory = await render(self._pool, DIRECTORY, [user, workspace])
        parts = {
            "key": next(iter(keys.values())),
            "user": directory[user],
            "workspace": directory[workspace],
        }
        return _json(
            {
                name: orjson.Fragment(state.value)
                for name, state in parts.items()
                if state is not None
            }
        )

    async def key_terms(self, request: web.Request) -> web.Response:
        """A key's name and terms by its id, for billing: it tells tools of them."""
        if calling_service(request) != _BILLING:
            raise EnvelopeError("this call is billing's", http_status=403)
        row = await read_key_terms(self._pool, int(request.match_info["key_id"]))
        if row is None:
            raise EnvelopeError(not_found("key").message, http_status=404)
        limits = row["model_limits"] if row["model_limits_enabled"] else None
        return _json(
            {"name": row["name"], "expires_at": row["expired_time"], "model_limits": limits}
        )


def _require_relay(request: web.Request) -> None:
    if calling_service(request) != _RELAY:
        raise EnvelopeError("this call is the relay's", http_status=403)


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
