"""Control itself, on real PostgreSQL and Kafka, called as the relay would."""

import asyncio
import base64
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import argon2
import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from deploy.local.ports import Ports
from services.control.app import open_app
from services.control.client import CLIENT_ADDRESS_HEADER
from services.control.handlers import CONSUMER_GROUP
from services.control.people.people import NewUser, create_root
from services.control.settings import ControlSettings
from shared.events.catalog import BILLING_LEDGER
from shared.events.directory import Role
from shared.http.assertions import ASSERTION_HEADER
from shared.kafka.records import Record
from shared.kafka.state_reader import StateTopicReader
from shared.postgres.migrate import migrate
from shared.postgres.retrying import in_transaction
from shared.service.background import BackgroundTasks
from tests.integration.kafka.begun_behind import begin_behind
from tests.stack_fixtures import Database

REPOSITORY = Path(__file__).parents[3]
MIGRATIONS = REPOSITORY / "services/control/migrations"
SECRET = "a-relay's-secret"
ROOT = ("Root", "root's long password")


def _random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@dataclass(kw_only=True)
class Control:
    """One control and the ways to it."""

    settings: ControlSettings
    database: Database
    http: aiohttp.ClientSession
    environment: dict[str, str]
    started_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    cookies: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def metric(self, sample: str) -> float:
        """A sample as `name{label="value"}`."""
        lines = (await self.text("/metrics")).splitlines()
        return float(next(line for line in lines if line.startswith(f"{sample} ")).split()[-1])

    @property
    def _api(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    @property
    def _internal(self) -> str:
        return f"http://127.0.0.1:{self.settings.internal_port}"

    async def internal(
        self, method: str, path: str, body: Any = None, *, caller: str = "relay"
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {caller}:{SECRET}"}
        async with self.http.request(
            method, self._internal + path, json=body, headers=headers
        ) as response:
            return response.status, await response.json(content_type=None)

    async def text(self, path: str) -> str:
        async with self.http.get(self._internal + path) as response:
            return await response.text()

    async def assertion(self, kind: str, value: str, audience: str = "control") -> str | None:
        body = {"credential": {"kind": kind, "value": value}, "audience": audience}
        status, answer = await self.internal("POST", "/internal/authenticate", body)
        assert status == 200, answer
        return None if answer["assertion"] is None else str(answer["assertion"])

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        assertion: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        headers = {**(headers or {}), **({ASSERTION_HEADER: assertion} if assertion else {})}
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.http.request(
            method, self._api + path, headers=headers, **content
        ) as response:
            self.cookies = dict(response.cookies)
            self.headers = dict(response.headers)
            return response.status, await response.json(content_type=None)

    async def guess(
        self, username: str, password: str, *, address: str = "", user_agent: str = "test"
    ) -> tuple[int, Any]:
        return await self.send(
            "POST",
            "/api/user/login",
            {"username": username, "password": password},
            headers={CLIENT_ADDRESS_HEADER: address, "User-Agent": user_agent},
        )

    async def log_in(self, username: str, password: str, **client: str) -> "Person":
        _, answer = await self.guess(username, password, **client)
        assert answer["success"], answer
        return Person(control=self, session=answer["data"]["session_token"], login=answer["data"])

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database.dsn("control"))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()


@dataclass(kw_only=True)
class Person:
    """A user who is signed in; each call is authenticated anew, as by a relay without memory."""

    control: Control
    session: str
    login: dict[str, Any]

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        assertion = await self.control.assertion("session", self.session)
        return await self.control.send(method, path, body, assertion=assertion)

    async def do(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.send(method, path, body)
        assert status == 200, answer
        assert answer["success"], answer
        return answer["data"]

    async def refused(self, method: str, path: str, body: Any = None) -> str:
        status, answer = await self.send(method, path, body)
        assert status < 500, answer
        assert answer["success"] is False, answer
        return str(answer["message"])


@pytest.fixture
def control_environment(database: Database) -> dict[str, str]:
    """The variables of one control; its ports are free ones."""
    ports = Ports()
    hashed = hashlib.sha256(SECRET.encode()).hexdigest()
    callers = f'{{"relay": "{hashed}", "billing": "{hashed}"}}'
    values = {
        "INSTANCE": "control-test",
        "KAFKA_BOOTSTRAP": database.infrastructure.kafka_bootstrap,
        "HTTP_PORT": str(ports["api"]),
        "INTERNAL_PORT": str(ports["internal"]),
        "SERVICE_SECRET": "unused",
        "INTERNAL_CALLERS": callers,
        "POSTGRES_DSN": database.dsn("control"),
        "POSTGRES_OWNER_DSN": database.dsn("control_owner"),
        "SIGNING_SEED": _random_key(),
        "MASTER_KEY": _random_key(),
        "EGRESS_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
    }
    return {f"LEDGERLINE_{name}": value for name, value in values.items()}


@pytest_asyncio.fixture(loop_scope="session")
async def control(
    database: Database, control_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Control]:
    for name, value in control_environment.items():
        monkeypatch.setenv(name, value)
    settings = ControlSettings()  # type: ignore[call-arg]  # the environment has them
    started_ms = int(time.time() * 1000)
    await migrate(database.dsn("control_owner"), schema="control", directory=MIGRATIONS)
    connection = await asyncpg.connect(database.dsn("control"))
    try:
        await begin_behind(
            database.infrastructure.kafka_bootstrap,
            connection,
            group=CONSUMER_GROUP,
            topic=BILLING_LEDGER.name,
        )
    finally:
        await connection.close()
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        open_app(settings, background=BackgroundTasks()),
    ):
        made = Control(
            settings=settings,
            database=database,
            http=http,
            environment=control_environment,
            started_ms=started_ms,
        )
        await until(lambda: _ready(made))
        yield made


async def _ready(control: Control) -> bool:
    status, _ = await control.internal("GET", "/health/ready")
    return status == 200


@pytest_asyncio.fixture(loop_scope="session")
async def root(control: Control) -> Person:
    new = NewUser(
        username=ROOT[0],
        password_hash=argon2.PasswordHasher().hash(ROOT[1]),
        display_name="",
        role=Role.ROOT,
        group="default",
    )
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        await in_transaction(pool, partial(create_root, new=new))
    return await control.log_in(*ROOT)


@pytest_asyncio.fixture(loop_scope="session")
async def user(root: Person) -> Person:
    password = "a user's password"
    await root.do("POST", "/api/user/", {"username": "ada", "password": password})
    return await root.control.log_in("ada", password)


async def run_create_root(control: Control, username: str, password: str) -> tuple[int, str]:
    """The command's exit code and what it said on standard error."""
    return await run_command(
        control, "create-root", "--username", username, "--password-stdin", stdin=password
    )


async def run_command(control: Control, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """A command's exit code and what it said on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services.control", *arguments),
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **control.environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaints = await process.communicate(stdin.encode() + b"\n")
    return process.returncode or 0, complaints.decode()


class Followed:
    """What was read of control's state topics: the newest record of each key."""

    def __init__(self, *, since_ms: int) -> None:
        self._since_ms = since_ms
        self.newest: dict[tuple[str, str], Record] = {}
        self.all: list[Record] = []

    def apply(self, record: Record) -> None:
        if record.timestamp_ms < self._since_ms:
            return  # of a test before, whose ids were the same
        self.all.append(record)
        self.newest[record.topic, (record.key or b"").decode()] = record

    def value(self, topic: str, key: str) -> bytes:
        record = self.newest.get((topic, key))
        return b"" if record is None or record.value is None else record.value


@pytest_asyncio.fixture(loop_scope="session")
async def topics(control: Control) -> AsyncIterator[Followed]:
    async with follow(control, "control.routing", "control.keys", "control.directory") as followed:
        yield followed


@asynccontextmanager
async def follow(control: Control, *names: str) -> AsyncIterator[Followed]:
    """Read topics from their beginning and go on; entered when their end was reached."""
    followed = Followed(since_ms=control.started_ms)
    reader = StateTopicReader(
        bootstrap=control.settings.kafka_bootstrap,
        client_id=f"test-{uuid4().hex}",
        topics=names,
        apply=followed.apply,
    )
    running = asyncio.create_task(reader.run())
    try:
        await asyncio.wait_for(reader.wait_ready(), 30)
        yield followed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(is_so: Callable[[], Any], *, deadline_s: float = 60.0) -> float:
    """Poll until it is so; answers how long that took, in seconds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.timeout(deadline_s):
        while True:
            found = is_so()
            if await found if asyncio.iscoroutine(found) else found:
                return loop.time() - started
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture(loop_scope="session")
async def provider() -> AsyncIterator[tuple[str, list[web.Request]]]:
    """Answers by the key that it is shown: `good`, `bad`, `poor`, `elsewhere`."""
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        key = request.headers.get("Authorization", request.headers.get("x-api-key", ""))
        if key.endswith("bad"):
            return web.json_response({"error": {"message": "secret words"}}, status=401)
        if key.endswith("poor"):
            error = {"message": "secret words", "code": "insufficient_quota"}
            return web.json_response({"error": error}, status=429)
        if key.endswith("elsewhere"):
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        return web.json_response({"choices": [], "content": []})

    app = web.Application()
    app.router.add_post("/v1/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", seen
    await runner.cleanup()
