"""Makes a started stack serve the benchmark: channels to its upstream, and credit to spend."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import aiohttp

from deploy.local.demo import ensure_demo
from deploy.local.stack import Stack
from operations.bench.traffic import CHAT_PATH, MODEL
from operations.bench.waiting import wait_until

_CREDIT_UNITS: Final = 10**12
_DEADLINE_S: Final = 20.0
_OK: Final = 200
_DIALECT: Final = "openai"
_ANSWER_ID: Final = "chatcmpl-bench"


async def provision(stack: Stack, *, upstream_port: int) -> str:
    """The API key to measure with, once the relay answers it from the upstream on this port."""
    demo = await ensure_demo(stack)
    async with aiohttp.ClientSession(stack.relay_url()) as http:
        admin = await sign_in(http, demo.username, demo.password)
        workspace_id = (await call(http, "GET", "/api/user/self", None, admin))["workspace_id"]
        channels = await call(http, "GET", "/api/channel/", None, admin)
        measured = next(one for one in channels["items"] if one["dialect"] == _DIALECT)
        change = {
            "id": measured["id"],
            "base_url": f"http://127.0.0.1:{upstream_port}/v1",
            # A channel that moves must be given its key anew.
            "key": "bench",
        }
        await call(http, "PUT", "/api/channel/", change, admin)
        credit = {
            "workspace_id": workspace_id,
            "quota_units": _CREDIT_UNITS,
            "idempotency_key": "bench",
        }
        await call(http, "POST", "/api/billing/topups", credit, admin)
        await wait_until(partial(is_served, http, demo.api_key), deadline_s=_DEADLINE_S)
    return demo.api_key


async def sign_in(http: aiohttp.ClientSession, username: str, password: str) -> dict[str, str]:
    """The headers of a session. Raises RuntimeError."""
    login = {"username": username, "password": password}
    session = (await call(http, "POST", "/api/user/login", login))["session_token"]
    return {"Authorization": f"Bearer {session}"}


async def call(
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """The data of a call that succeeds. Raises RuntimeError for another."""
    async with http.request(method, path, json=body, headers=headers) as response:
        answer = await response.json()
        if response.status != _OK or not answer.get("success"):
            message = answer.get("message")
            raise RuntimeError(f"{method} {path} was answered {response.status}: {message}")
        return answer["data"]


async def is_served(http: aiohttp.ClientSession, key: str) -> bool:
    """Whether a request with this key is answered from the benchmark's upstream."""
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    headers = {"Authorization": f"Bearer {key}"}
    async with http.post(CHAT_PATH, json=chat, headers=headers) as response:
        return response.status == _OK and (await response.json())["id"] == _ANSWER_ID
