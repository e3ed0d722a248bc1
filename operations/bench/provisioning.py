"""Makes a started stack serve the benchmark: channels to its upstream, and credit to spend."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import aiohttp

from deploy.local.demo import Demo, ensure_demo
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
        login = {"username": demo.username, "password": demo.password}
        session = (await _call(http, "POST", "/api/user/login", login))["session_token"]
        admin = {"Authorization": f"Bearer {session}"}
        workspace_id = (await _call(http, "GET", "/api/user/self", None, admin))["workspace_id"]
        channels = await _call(http, "GET", "/api/channel/", None, admin)
        measured = next(one for one in channels["items"] if one["dialect"] == _DIALECT)
        change = {
            "id": measured["id"],
            "base_url": f"http://127.0.0.1:{upstream_port}/v1",
            # A channel that moves must be given its key anew.
            "key": "bench",
        }
        await _call(http, "PUT", "/api/channel/", change, admin)
        credit = {
            "workspace_id": workspace_id,
            "quota_units": _CREDIT_UNITS,
            "idempotency_key": "bench",
        }
        await _call(http, "POST", "/api/billing/topups", credit, admin)
        await wait_until(partial(_is_served, http, demo), deadline_s=_DEADLINE_S)
    return demo.api_key


async def _call(
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    async with http.request(method, path, json=body, headers=headers) as response:
        answer = await response.json()
        if response.status != _OK or not answer.get("success"):
            message = answer.get("message")
            raise RuntimeError(f"{method} {path} was answered {response.status}: {message}")
        return answer["data"]


async def _is_served(http: aiohttp.ClientSession, demo: Demo) -> bool:
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    headers = {"Authorization": f"Bearer {demo.api_key}"}
    async with http.post(CHAT_PATH, json=chat, headers=headers) as response:
        return response.status == _OK and (await response.json())["id"] == _ANSWER_ID
