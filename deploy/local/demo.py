"""The first start: an admin, a channel to the simulated provider, a key and some credit.

All of it through the calls that any operator has, so that it shows the way as well.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import aiohttp

from deploy.local.credentials import write_private
from deploy.local.stack import Stack

CREDIT_QUOTA_UNITS: Final = 50_000_000
"""$100."""

_OPENAI: Final = {"Authorization": "Bearer demo"}
_ANTHROPIC: Final = {"x-api-key": "demo", "anthropic-version": "2023-06-01"}
_DEADLINE_S = 20.0
_POLL_INTERVAL_S = 0.1
# What one service has not yet heard from another, at the first start.
_NOT_YET: Final = {404, 502, 503, 504}


class DemoError(RuntimeError):
    """A call of the first start was refused; the text names the call, not what it carried."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What a person needs to try the stack."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)
    model: str
    claude_model: str
    """One that is asked for in Anthropic's dialect."""


async def ensure_demo(stack: Stack) -> Demo:
    """Provision at the first start, read what was kept at the others.

    A start that was broken off half-way, or was of an older release, is taken up again. Raises
    DemoError.
    """
    kept = stack.state_dir / "demo.json"
    if kept.exists() and "claude_model" in (known := json.loads(kept.read_text())):
        return Demo(**known)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        demo = await _Provisioning(stack, http).run()
    write_private(kept, json.dumps(asdict(demo), indent=2))
    return demo


class _Provisioning:
    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._http = http
        self._headers: dict[str, str] = {}

    async def run(self) -> Demo:
        username, password = self._stack.secrets.root_username, self._stack.secrets.root_password
        workspace_id = await self._log_in(username, password)
        models = await self._provider_models(_OPENAI)
        claude_models = await self._provider_models(_ANTHROPIC)
        await self._add_channel("simulator", "openai", models)
        await self._add_channel("simulator-claude", "anthropic", claude_models)
        key = (await self._api("POST", "/api/token/", {"name": "demo", "unlimited_quota": True}))[
            "key"
        ]
        topup = {
            "workspace_id": workspace_id,
            "quota_units": CREDIT_QUOTA_UNITS,
            "idempotency_key": "demo",
        }
        await self._api("POST", "/api/billing/topups", topup)
        model = "gpt-4o-mini" if "gpt-4o-mini" in models else models[0]
        await self._wait_until_served(key, model, claude_models[0])
        return Demo(
            username=username,
            password=password,
            api_key=key,
            model=model,
            claude_model=claude_models[0],
        )

    async def _log_in(self, username: str, password: str) -> Any:
        credentials = {"username": username, "password": password}
        status, answer = await self._send("POST", "/api/user/login", credentials)
        if not _succeeded(status, answer):  # nobody there yet
            await self._stack.programs.run(
                "create-root",
                "services.control",
                *("create-root", "--username", username, "--password-stdin"),
                environment=self._stack.service_environment("control"),
                stdin=password + "\n",
            )
            answer = {"data": await self._api("POST", "/api/user/login", credentials)}
        self._headers = {"Authorization": f"Bearer {answer['data']['session_token']}"}
        return (await self._api("GET", "/api/user/self"))["workspace_id"]

    async def _provider_models(self, headers: Mapping[str, str]) -> list[str]:
        """What the simulated provider tells a client that sends such headers."""
        url = f"{self._stack.simulator_url}/v1/models"
        async with self._http.get(url, headers=headers) as response:
            return [model["id"] for model in (await response.json())["data"]]

    async def _add_channel(self, name: str, dialect: str, models: list[str]) -> None:
        found = await self._api("GET", "/api/channel/")
        channels = found["items"] if isinstance(found, dict) else found
        if any(channel["name"] == name for channel in channels):
            return
        channel = {
            "name": name,
            "provider": dialect,
            "dialect": dialect,
            "base_url": f"{self._stack.simulator_url}/v1",
            "key": "simulated",
            "models": models,
            "groups": ["default"],
            "priority": 0,
            "weight": 1,
        }
        await self._api("POST", "/api/channel/", channel)

    async def _wait_until_served(self, key: str, *models: str) -> None:
        """The key, the channel and the prices reach the relay on their own ways."""
        headers = {"Authorization": f"Bearer {key}"}
        async with asyncio.timeout(_DEADLINE_S):
            while True:
                status, answer = await self._send("GET", "/v1/models", headers=headers)
                served = {model["id"] for model in answer.get("data", ())}
                if status == 200 and served.issuperset(models):  # noqa: PLR2004 - OK
                    return
                await asyncio.sleep(_POLL_INTERVAL_S)

    async def _api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call until it succeeds; what is only too early is tried again up to a deadline."""
        deadline = asyncio.get_running_loop().time() + _DEADLINE_S
        while True:
            status, answer = await self._send(method, path, body, headers=self._headers)
            if _succeeded(status, answer):
                return answer.get("data")
            if status not in _NOT_YET or asyncio.get_running_loop().time() > deadline:
                message = answer.get("message", "")
                raise DemoError(f"{method} {path} was answered {status} {message}")
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        url = self._stack.relay_url() + path
        async with self._http.request(method, url, json=body, headers=headers) as response:
            try:
                answer = await response.json()
            except (aiohttp.ContentTypeError, json.JSONDecodeError):
                answer = {}
            return response.status, answer if isinstance(answer, dict) else {}


def _succeeded(status: int, answer: Mapping[str, Any]) -> bool:
    return status < 300 and answer.get("success", True) is True  # noqa: PLR2004 - any 2xx
