"""The Log API, and who calls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web

from shared.events.directory import Role
from shared.http.assertions import ASSERTION_HEADER, AssertionSigner, Caller
from tests.stack_fixtures import Database

ADMIN = Caller(user_id=1, username="root", role=Role.ADMIN, workspace_id=1)
ADA = Caller(user_id=700, username="ada", role=Role.USER, workspace_id=7)
ADAS_KEY = Caller(user_id=700, username="ada", role=Role.USER, workspace_id=7, key_id=70)


@dataclass(frozen=True, kw_only=True)
class LogApi:
    """Its address, its database, and control's signature."""

    url: str
    session: aiohttp.ClientSession
    signer: AssertionSigner
    pool: asyncpg.Pool
    app: web.Application

    async def get(
        self, path: str, caller: Caller | None, params: Mapping[str, str] | None = None
    ) -> Any:
        """The envelope of a call that is answered 200."""
        async with self.call("GET", path, caller, params=params) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    def call(self, method: str, path: str, caller: Caller | None, **options: Any) -> Any:
        """A request, with an assertion where there is a caller."""
        headers = dict(options.pop("headers", {}))
        if caller is not None:
            headers[ASSERTION_HEADER] = self.signer.sign(caller, audience="logging")
        return self.session.request(method, self.url + path, headers=headers, **options)


async def take_logs_away(tables: Database) -> None:
    """So that the database refuses whatever is asked of them."""
    owner = await asyncpg.connect(tables.dsn("logging_owner"))
    try:
        await owner.execute("ALTER TABLE logs RENAME TO logs_elsewhere")
    finally:
        await owner.close()
