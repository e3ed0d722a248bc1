"""Schemathesis holds every operation of the OpenAPI document against the running gateway.

`LEDGERLINE_FUZZ_EXAMPLES=1000 LEDGERLINE_FUZZ_SEED=7` makes a longer run of it.
"""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.gateway import fuzzing_hooks
from tests.gateway.fuzzing import IS_LONG, Caller, Findings, fuzz
from tests.gateway.operator import Operator
from tests.stack_fixtures import MakeStack

_ENDS_SESSIONS = frozenset(
    {
        "get_api_user_logout",
        "post_api_user_logout_all",
        "delete_api_user_sessions_id_",
        "get_api_user_token",
        "delete_api_user_token",
    }
)
"""A caller who is to make further calls does not make these."""
_ACTS_ON_PEOPLE = frozenset(
    {"put_api_user_", "put_api_user_id_", "delete_api_user_id_", "post_api_user_id_unlock"}
)
"""Root would disable itself; an admin cannot."""
_HASHES_PASSWORDS = frozenset(
    {"post_api_user_", "put_api_user_", "put_api_user_id_", "post_api_user_login"}
)
"""Slow on purpose: a long run alone tries the cases that follow from the document."""
_BY_KEY = ("/v1/", "/dashboard/", "/api/usage/token", "/api/log/token")
_FEW = 3


def _operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _schemes(operation: dict[str, Any]) -> set[str]:
    return {scheme for needed in operation["security"] for scheme in needed}


class Cast:
    """Everybody who calls. Nobody takes from the others what they need."""

    def __init__(self, document: dict[str, Any], operator: Operator) -> None:
        known = _operations(document)
        self._operator = operator
        self._all = frozenset(known)
        self._tools = frozenset(i for i, (_, path, _) in known.items() if path.startswith(_BY_KEY))
        self._claude = frozenset(i for i in known if "anthropicKey" in _schemes(known[i][2]))
        by_people = frozenset(i for i in known if {"apiKey", "session"} <= _schemes(known[i][2]))
        self._people = by_people - self._tools
        self._reads = frozenset(i for i in self._people if known[i][0] == "GET")
        self._admins = self._all - self._people - self._tools

    async def clients(self) -> list[Caller]:
        """Those who have a key, and those who have nothing."""
        owner = await self._operator.customer(quota_units=500_000_000)
        bearer = {"Authorization": f"Bearer {owner.api_key}"}
        return [
            Caller(name="a key", operations=self._tools, headers=bearer),
            Caller(
                name="a key in Anthropic's header",
                operations=self._claude,
                headers={"x-api-key": owner.api_key},
                has_coverage=False,
            ),
            Caller(
                name="a key where people call",
                operations=self._reads - _ENDS_SESSIONS,
                headers=bearer,
                has_coverage=False,
                examples=_FEW,
            ),
            Caller(name="nobody", operations=self._all, has_coverage=False, examples=_FEW),
        ]

    async def users(self) -> list[Caller]:
        """One, who may delete all there is of the own."""
        user = await self._operator.customer(quota_units=500_000_000)
        session = await self._operator.sign_in(user.username, user.password)
        token = await self._operator.call("GET", "/api/user/token", token=session)
        bearer = {"Authorization": f"Bearer {token}"}
        return [
            Caller(name="a user", operations=self._people - _ENDS_SESSIONS, headers=bearer),
            Caller(
                name="a user where admins call",
                operations=self._admins,
                headers=bearer,
                has_coverage=False,
                examples=_FEW,
            ),
        ]

    async def root(self) -> list[Caller]:
        """Deletes channels, models, groups and prices: nobody can be served after this."""
        token = await self._operator.call("GET", "/api/user/token")
        bearer = {"Authorization": f"Bearer {token}"}
        slow = self._admins & _HASHES_PASSWORDS - _ACTS_ON_PEOPLE
        return [
            Caller(name="root", operations=self._admins - _ACTS_ON_PEOPLE - slow, headers=bearer),
            Caller(
                name="root with passwords",
                operations=slow,
                headers=bearer,
                has_coverage=IS_LONG,
            ),
        ]

    async def admins(self) -> list[Caller]:
        """One who deletes users and ends the own sessions, and cannot end itself."""
        name, password = "throw-away", "a throw-away's password"
        await self._operator.call(
            "POST", "/api/user/", {"username": name, "password": password, "role": 10}
        )
        signs_in = {fuzzing_hooks.USERNAME: name, fuzzing_hooks.PASSWORD: password}
        return [
            Caller(
                name="an admin who logs in again and again",
                operations=(_ENDS_SESSIONS | _ACTS_ON_PEOPLE) - _HASHES_PASSWORDS,
                environment=signs_in,
            ),
            Caller(
                name="an admin with passwords",
                operations=_ACTS_ON_PEOPLE & _HASHES_PASSWORDS,
                environment=signs_in,
                has_coverage=IS_LONG,
            ),
        ]


async def _in_turn(
    stack: Stack, callers: list[Caller], factory: pytest.TempPathFactory
) -> list[Findings]:
    return [
        await fuzz(
            caller,
            base_url=stack.relay_url(),
            provider_url=f"{stack.simulator_url}/v1",
            to=factory.mktemp("caller"),
        )
        for caller in callers
    ]


async def _document(stack: Stack) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stack.relay_url()}/openapi.json") as response,
    ):
        document: dict[str, Any] = json.loads(await response.read())
        return document


def _not_foreseen(stack: Stack) -> list[str]:
    """What the services' logs tell of exceptions that no handler expected."""
    return [
        line
        for process in stack.processes()
        for line in process.output_path.read_text(errors="replace").splitlines()
        if '"api.failed"' in line or '"relay.failed"' in line
    ]


def _statuses(found: list[Findings]) -> dict[str, Counter[int]]:
    """Of each operation by its own method, as `GET /path`."""
    statuses: dict[str, Counter[int]] = {}
    for one in found:
        for label, counted in one.statuses.items():
            for (method, status), times in counted.items():
                if label.startswith(f"{method} "):
                    statuses.setdefault(label, Counter())[status] += times
    return statuses


@pytest.mark.timeout(0 if IS_LONG else 600)
async def test_no_caller_finds_a_server_error_or_an_answer_that_is_not_documented(
    make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = await make_stack(relays=1)
    document = await _document(stack)
    found: list[Findings] = []
    async with aiohttp.ClientSession() as http:
        cast = Cast(document, await Operator.of(stack, http))
        # Those who take things away come after those who need them.
        for together in ((cast.clients, cast.users), (cast.root, cast.admins)):
            callers = [await some() for some in together]
            for some in await asyncio.gather(
                *(_in_turn(stack, c, tmp_path_factory) for c in callers)
            ):
                found += some
    told = "\n".join(f"== {one.caller} ==\n{one.told}" for one in found if not one.is_clean)
    if told:
        pytest.fail(told, pytrace=False)
    assert _not_foreseen(stack) == []

    statuses = _statuses(found)
    wanted = {f"{method} {path}" for method, path, _ in _operations(document).values()}
    assert set(statuses) == wanted, "an operation was left out"
    never = {label for label in wanted if statuses[label][200] == 0}
    assert never == set(), "nobody got anything but errors"
