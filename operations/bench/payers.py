"""Keys whose requests are alike in all but what they are held of, and by how many leases."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import aiohttp
import asyncpg

from deploy.local.demo import ensure_demo
from deploy.local.stack import Stack
from operations.bench.provisioning import call, is_served, sign_in
from operations.bench.traffic import MODEL
from operations.bench.waiting import wait_until

FREE: Final = "nothing is held: it costs nothing"
RICH: Final = "an account with a large balance"
KEY: Final = "and a key with a limit"
BUDGET: Final = "and a hard budget"
SCARCE: Final = "an account that is soon spent"
PAYERS: Final = (FREE, RICH, KEY, BUDGET, SCARCE)
LEASES: Final[Mapping[str, int]] = {FREE: 0, RICH: 1, KEY: 2, BUDGET: 2, SCARCE: 1}

_USUAL_GROUP: Final = "default"
_GROUP: Final = "bench-free"
_DEADLINE_S: Final = 60.0
_MUCH_UNITS: Final = 10**9
_MUCH_CENTS: Final = 10**9
_PASSWORD: Final = "made up for a benchmark"  # noqa: S105 - of a stack that lives for minutes
_IS_HELD: Final = "SELECT EXISTS (SELECT 1 FROM billing.leases WHERE subject = $1)"


class Payers:
    """On a stack that serves the benchmark (`provisioning.provision`)."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        """`http` is of the relay's public door."""
        self._stack = stack
        self._http = http
        self._admin: dict[str, str] = {}
        self._scarce_workspace_id = 0
        self._refills = 0
        self.keys: dict[str, str] = {}
        """By payer."""

    async def make(self) -> None:
        """Make the keys, and wait until the relay knows all that they are held of."""
        demo = await ensure_demo(self._stack)
        self._admin = await sign_in(self._http, demo.username, demo.password)
        self.keys[RICH] = demo.api_key
        await self._make_free()
        limit = {"name": "limited", "unlimited_quota": False, "remain_quota": _MUCH_UNITS}
        limited = await self._call("POST", "/api/token/", limit)
        self.keys[KEY] = limited["key"]
        budget_id = await self._make_budget()
        await self._make_scarce()
        for payer in PAYERS:
            if payer != SCARCE:
                await self._until_held(payer, None)
        await self._until_held(KEY, f"key:{limited['id']}")
        await self._until_held(BUDGET, f"budget:{budget_id}")

    async def refill(self, units: int) -> None:
        """Let the scarce account have so much, once what it spent is charged."""
        account = {"workspace_id": self._scarce_workspace_id}
        path = f"/api/billing/account?workspace_id={self._scarce_workspace_id}"
        lacking = units - (await self._call("GET", path))["balance_units"]
        if lacking > 0:
            self._refills += 1
            fresh = {"quota_units": lacking, "idempotency_key": f"bench-{self._refills}"}
            await self._call("POST", "/api/billing/topups", account | fresh)

    async def _make_free(self) -> None:
        """Of a group in which nothing costs anything: so nothing has to be held."""
        await self._call("POST", "/api/group/", {"name": _GROUP, "is_selectable": True})
        await self._call("PUT", f"/api/prices/groups/{_GROUP}", {"ratio": "0"})
        await self._call("PUT", f"/api/models/{MODEL}", {"groups": [_USUAL_GROUP, _GROUP]})
        channels = await self._call("GET", "/api/channel/")
        for channel in channels["items"]:
            change = {"id": channel["id"], "groups": [*channel["groups"], _GROUP]}
            await self._call("PUT", "/api/channel/", change)
        free = {"name": "free", "unlimited_quota": True, "group": _GROUP}
        self.keys[FREE] = (await self._call("POST", "/api/token/", free))["key"]

    async def _make_budget(self) -> int:
        project = await self._call("POST", "/api/project/", {"name": "budgeted"})
        budget = {
            "name": "budgeted",
            "project_id": project["id"],
            "amount_cents": _MUCH_CENTS,
            "period": "YEARLY",
            "is_hard_limit": True,
        }
        # Billing has yet to hear of the project.
        made = await self._until_done("POST", "/api/billing/budgets", budget)
        key = {"name": "budgeted", "unlimited_quota": True, "project_id": project["id"]}
        self.keys[BUDGET] = (await self._call("POST", "/api/token/", key))["key"]
        return int(made["id"])

    async def _make_scarce(self) -> None:
        user = {"username": "bench-scarce", "password": _PASSWORD, "role": 1}
        await self._call("POST", "/api/user/", user)
        own = await sign_in(self._http, "bench-scarce", _PASSWORD)
        account = await call(self._http, "GET", "/api/user/self", None, own)
        self._scarce_workspace_id = account["workspace_id"]
        key = {"name": "scarce", "unlimited_quota": True}
        self.keys[SCARCE] = (await call(self._http, "POST", "/api/token/", key, own))["key"]
        account_path = f"/api/billing/account?workspace_id={self._scarce_workspace_id}"
        await self._until_done("GET", account_path, None)

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await call(self._http, method, path, body, self._admin)

    async def _until_done(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        """A call that depends on what another service has yet to hear of."""
        answers: list[Any] = []

        async def is_done() -> bool:
            try:
                answers.append(await self._call(method, path, body))
            except RuntimeError:
                return False
            return True

        await wait_until(is_done, deadline_s=_DEADLINE_S)
        return answers[-1]

    async def _until_held(self, payer: str, subject: str | None) -> None:
        """Ask until the relay answers, and until it holds of the subject."""
        served = partial(is_served, self._http, self.keys[payer])
        if subject is None:
            await wait_until(served, deadline_s=_DEADLINE_S)
            return
        connection = await asyncpg.connect(self._stack.dsn("superuser"))

        async def is_held() -> bool:
            await served()
            return bool(await connection.fetchval(_IS_HELD, subject))

        try:
            await wait_until(is_held, deadline_s=_DEADLINE_S)
        finally:
            await connection.close()
