"""Calls of `logging`'s own door, timed, by whoever may make them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any, Final, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from deploy.local.ports import HOST
from deploy.local.stack import Stack
from operations.seed_logs.population import User
from shared.events.directory import Role
from shared.http.assertions import ASSERTION_HEADER, AssertionSigner, Caller
from shared.http.serving import served

ANSWERS: Final = 1
"""Which `logging` is asked: one that takes no events in."""
_AUDIENCE: Final = "logging"
_RENEWED_S: Final = 15.0
_OK: Final = 200
_MS: Final = 1000
_SEED: Final = bytes(range(32))
ADMIN: Final = Caller(user_id=10**6, username="root", role=Role.ADMIN, workspace_id=1)


def user(who: User) -> Caller:
    """A made-up user, signed in."""
    return Caller(user_id=who.id, username=who.name, role=Role.USER, workspace_id=who.workspace_id)


def key(who: User) -> Caller:
    """The first key of a made-up user."""
    return Caller(
        user_id=who.id,
        username=who.name,
        role=Role.USER,
        workspace_id=who.workspace_id,
        key_id=who.keys[0].id,
    )


@dataclass(frozen=True)
class Call:
    """One call, with its parameters."""

    path: str
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    caller: Caller = ADMIN
    method: str = "GET"


class Timed(NamedTuple):
    """How long the whole answer took, and what its `data` is."""

    ms: float
    data: Any


class Door:
    """The port that the relay forwards to, and control's signature."""

    def __init__(self, session: aiohttp.ClientSession, signer: AssertionSigner) -> None:
        """`session` is of that port."""
        self._session = session
        self._signer = signer
        self._signed: dict[Caller, tuple[float, str]] = {}

    async def ask(self, call: Call) -> Timed:
        """Raises RuntimeError where the answer is no success."""
        headers = {ASSERTION_HEADER: self._assertion(call.caller)}
        parameters = {name: str(value) for name, value in call.parameters.items()}
        begun = perf_counter()
        async with self._session.request(
            call.method, call.path, params=parameters, headers=headers
        ) as response:
            body = await response.read()
        took_ms = (perf_counter() - begun) * _MS
        answer = orjson.loads(body) if body.startswith(b"{") else {}
        if response.status != _OK or not answer.get("success"):
            told = answer.get("message", "")
            raise RuntimeError(f"{call.path} {parameters}: {response.status} {told}")
        return Timed(took_ms, answer["data"])

    def _assertion(self, caller: Caller) -> str:
        at, signed = self._signed.get(caller, (0.0, ""))
        if not signed or monotonic() - at > _RENEWED_S:
            signed = self._signer.sign(caller, audience=_AUDIENCE)
            self._signed[caller] = (monotonic(), signed)
        return signed


@asynccontextmanager
async def door(stack: Stack) -> AsyncIterator[Door]:
    """The door of `logging` in a stack without control, which is played here: its keys are ours."""
    signer = AssertionSigner(_SEED)

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response(signer.jwks())

    app = web.Application()
    app.router.add_get("/internal/assertion-keys", keys)
    async with (
        served(app, host=HOST, port=stack.ports["control-0/internal"]),
        aiohttp.ClientSession(
            stack.api_url("logging", ANSWERS), timeout=aiohttp.ClientTimeout(total=600)
        ) as session,
    ):
        yield Door(session, signer)
