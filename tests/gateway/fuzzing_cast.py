"""Who calls what when the gateway is fuzzed. Nobody takes from the others what they need."""

import time
from collections.abc import Mapping
from typing import Any, Final

from operations.openapi.tables import TABLES
from shared.http.described import Answer, Who
from tests.gateway import fuzzing_hooks
from tests.gateway.fuzzing import IS_LONG, Caller
from tests.gateway.operator import Operator

_ENDS_SESSIONS: Final = frozenset(
    {
        "get_api_user_logout",
        "post_api_user_logout_all",
        "delete_api_user_sessions_id_",
        "get_api_user_token",
        "delete_api_user_token",
    }
)
"""A caller who is to make further calls does not make these."""
_ACTS_ON_PEOPLE: Final = frozenset(
    {"put_api_user_", "put_api_user_id_", "delete_api_user_id_", "post_api_user_id_unlock"}
)
"""Root would disable itself; an admin cannot."""
_HASHES_PASSWORDS: Final = frozenset(
    {"post_api_user_", "put_api_user_", "put_api_user_id_", "post_api_user_login"}
)
"""Slow on purpose: a long run alone tries the cases that follow from the document."""
_FEW: Final = 3
STREAMS: Final = frozenset(
    call.path for calls in TABLES.values() for call in calls if call.answer is Answer.EVENTS
)
"""What goes on for minutes, and has tests of its own."""


def labels(document: Mapping[str, Any]) -> dict[str, str]:
    """Of each operation's id: `GET /path`. Without streams."""
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path not in STREAMS
    }


class Cast:
    """Everybody who calls, with operations by their ids."""

    def __init__(self, document: Mapping[str, Any], operator: Operator) -> None:
        self._operator = operator
        known = labels(document)
        who = {
            f"{call.method} {call.path}": call.who for calls in TABLES.values() for call in calls
        }

        def of(*some: Who) -> frozenset[str]:
            # The services' tables do not have what is relayed: it takes keys.
            return frozenset(i for i, label in known.items() if who.get(label, Who.KEY) in some)

        self._all = frozenset(known)
        in_both = (" /v1/messages", " /v1/models")
        self._claude = frozenset(
            i for i, label in known.items() if any(p in label for p in in_both)
        )
        self._open = of(Who.ANYONE)
        self._by_key = of(Who.KEY, Who.USER_OR_KEY)
        self._by_user = of(Who.USER, Who.USER_OR_KEY)
        self._by_admin = of(Who.ADMIN)

    async def clients(self) -> list[Caller]:
        """Those who have a key, and those who have nothing."""
        owner = await self._operator.customer(quota_units=500_000_000)
        bearer = {"Authorization": f"Bearer {owner.api_key}"}
        may = self._open | self._by_key
        return [
            Caller(name="a key", operations=self._by_key, may=may, headers=bearer),
            Caller(
                name="a key in Anthropic's header",
                operations=self._claude,
                may=may,
                headers={"x-api-key": owner.api_key},
                has_coverage=False,
            ),
            Caller(
                name="a key where people call",
                operations=self._all - self._by_key - self._open,
                may=may,
                headers=bearer,
                has_coverage=False,
                examples=_FEW,
            ),
            Caller(
                name="nobody",
                operations=self._all,
                may=self._open,
                has_coverage=False,
                examples=_FEW,
            ),
        ]

    async def users(self) -> list[Caller]:
        """One, who may delete all there is of the own."""
        user = await self._operator.customer(quota_units=500_000_000)
        session = await self._operator.sign_in(user.username, user.password)
        token = await self._operator.call("GET", "/api/user/token", token=session)
        bearer = {"Authorization": f"Bearer {token}"}
        may = self._open | self._by_user
        return [
            Caller(
                name="a user", operations=self._by_user - _ENDS_SESSIONS, may=may, headers=bearer
            ),
            Caller(
                name="a user where admins and keys call",
                operations=self._all - self._by_user - self._open,
                may=may,
                headers=bearer,
                has_coverage=False,
                examples=_FEW,
            ),
        ]

    async def root(self) -> list[Caller]:
        """Deletes channels, models, groups and prices: nobody can be served after this."""
        token = await self._operator.call("GET", "/api/user/token")
        bearer = {"Authorization": f"Bearer {token}"}
        # Nobody draws a period that is past: here is a run to look at and one to cancel.
        past = {"from": 0, "to": 1, "price": {"version_at": int(time.time())}}
        for _ in range(2):
            await self._operator.call("POST", "/api/billing/what-if", past)
        wanted = (self._by_admin | self._open) - _ACTS_ON_PEOPLE
        return [
            Caller(
                name="root",
                operations=wanted - _HASHES_PASSWORDS,
                may=self._all - self._by_key,
                headers=bearer,
            ),
            Caller(
                name="root with passwords",
                operations=wanted & _HASHES_PASSWORDS,
                may=self._all,
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
                may=self._all,
                environment=signs_in,
            ),
            Caller(
                name="an admin with passwords",
                operations=_ACTS_ON_PEOPLE & _HASHES_PASSWORDS,
                may=self._all,
                environment=signs_in,
                has_coverage=IS_LONG,
            ),
        ]
