"""What an operator does through the public door: people, keys, credit, channels."""

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from deploy.local.demo import Demo, ensure_demo
from deploy.local.stack import Stack

MODEL = "gpt-4o-mini"
CLAUDE = "claude-sonnet-5-5"
_NUMBERS = itertools.count(1)
_NOT_SIGNED_IN = 401
_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Customer:
    """A user with a workspace, some credit and a key."""

    user_id: int
    workspace_id: int
    username: str
    password: str
    api_key: str
    key_id: int


class Operator:
    """Signed in as root."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession, demo: Demo) -> None:
        self.stack = stack
        self.demo = demo
        self._http = http
        self._token = ""

    @classmethod
    async def of(cls, stack: Stack, http: aiohttp.ClientSession) -> Self:
        """Provision the demo if need be, and sign in."""
        operator = cls(stack, http, await ensure_demo(stack))
        operator._token = await operator.sign_in(operator.demo.username, operator.demo.password)
        return operator

    async def sign_in(self, username: str, password: str) -> str:
        """A session's token."""
        data = await self.call(
            "POST", "/api/user/login", {"username": username, "password": password}, token=""
        )
        token: str = data["session_token"]
        return token

    async def answer(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        relay: int = 0,
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON, whatever they are. Root signs in again when its session has ended."""
        status, answer = await self._answer(method, path, body, token=token, relay=relay)
        if status == _NOT_SIGNED_IN and token is None:
            self._token = await self.sign_in(self.demo.username, self.demo.password)
            status, answer = await self._answer(method, path, body, token=token, relay=relay)
        return status, answer

    async def _answer(
        self, method: str, path: str, body: Any, *, token: str | None, relay: int
    ) -> tuple[int, dict[str, Any]]:
        token = self._token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.stack.relay_url(relay) + path
        async with self._http.request(method, url, json=body, headers=headers) as response:
            return response.status, json.loads(await response.read())

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> Any:
        """The data of a call that must succeed."""
        status, answer = await self.answer(method, path, body, token=token)
        assert status == 200, (method, path, status, answer)
        assert answer["success"], (method, path, answer)
        return answer.get("data")

    async def customer(self, *, quota_units: int) -> Customer:
        """A new user with a topped-up account and a key that the relays know."""
        number = next(_NUMBERS)
        username, password = f"customer{number}-{id(self):x}", "correct horse battery"
        user = await self.call(
            "POST", "/api/user/", {"username": username, "password": password, "role": 1}
        )
        token = await self.sign_in(username, password)
        workspace_id = (await self.call("GET", "/api/user/self", token=token))["workspace_id"]
        if quota_units:
            await self.top_up(workspace_id, quota_units, key=f"first-{username}")
        made = await self.call(
            "POST", "/api/token/", {"name": "test", "unlimited_quota": True}, token=token
        )
        return Customer(
            user_id=user["id"],
            workspace_id=workspace_id,
            username=username,
            password=password,
            api_key=made["key"],
            key_id=made["id"],
        )

    async def top_up(self, workspace_id: int, quota_units: int, *, key: str) -> None:
        """Once; the workspace may need a moment to be known to billing."""
        body = {"workspace_id": workspace_id, "quota_units": quota_units, "idempotency_key": key}
        async with asyncio.timeout(_DEADLINE_S):
            while True:
                _, answer = await self.answer("POST", "/api/billing/topups", body)
                if answer["success"]:
                    return
                await asyncio.sleep(0.05)

    async def channel(self, **fields: Any) -> int:
        """A new channel to the simulated provider, unless `fields` say otherwise."""
        number = next(_NUMBERS)
        made = await self.call(
            "POST",
            "/api/channel/",
            {
                "name": f"channel{number}",
                "provider": "openai",
                "base_url": f"{self.stack.simulator_url}/v1",
                "key": f"secret-{number}",
                "models": [MODEL],
                "groups": ["default"],
                "priority": 0,
                "weight": 1,
                **fields,
            },
        )
        channel_id: int = made["id"]
        return channel_id
