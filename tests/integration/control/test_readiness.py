import itertools

import aiohttp
import asyncpg
import pytest

from deploy.local.ports import Ports
from services.control.app import open_app
from services.control.settings import ControlSettings
from shared.postgres.migrate import migrate
from shared.service.background import BackgroundTasks
from tests.integration.control.conftest import MIGRATIONS, Control, until
from tests.stack_fixtures import Database


async def test_it_waits_for_its_tables_and_says_so(
    database: Database, control_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in control_environment.items():
        monkeypatch.setenv(name, value)
    settings = ControlSettings()  # type: ignore[call-arg]  # the environment has them
    async with (
        aiohttp.ClientSession() as http,
        open_app(settings, background=BackgroundTasks()),
    ):
        control = Control(
            settings=settings, database=database, http=http, environment=control_environment
        )
        status, answer = await control.internal("GET", "/health/ready")
        assert status == 503
        assert set(answer["waits_for"]) == {"database", "publisher"}
        assert (await control.internal("GET", "/health/live"))[0] == 200
        await migrate(database.dsn("control_owner"), schema="control", directory=MIGRATIONS)

        async def ready() -> bool:
            return (await control.internal("GET", "/health/ready"))[0] == 200

        await until(ready)


async def test_a_standby_is_ready_too(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one publishes at a time; the other must serve all the same."""
    ports = Ports()
    for name in ("HTTP_PORT", "INTERNAL_PORT"):
        monkeypatch.setenv(f"LEDGERLINE_{name}", str(ports[name]))
    settings = ControlSettings()  # type: ignore[call-arg]  # the environment has them
    async with open_app(settings, background=BackgroundTasks()):
        standby = Control(
            settings=settings, database=control.database, http=control.http, environment={}
        )

        async def ready() -> bool:
            return (await standby.internal("GET", "/health/ready"))[0] == 200

        await until(ready)


async def test_the_metrics_tell_of_pool_outbox_and_queue(control: Control) -> None:
    async def text_has_all() -> bool:
        text = await control.text("/metrics")
        return all(
            name in text
            for name in (
                'ledgerline_postgres_pool_connections{state="idle"}',
                'ledgerline_outbox_rows{outbox="state_outbox"} 0.0',
                'ledgerline_outbox_rows{outbox="event_outbox"} 0.0',
                'ledgerline_outbox_age_seconds{outbox="state_outbox"}',
                "ledgerline_control_password_queue 0.0",
                'ledgerline_control_logins_total{result="succeeded"} 0.0',
            )
        )

    await until(text_has_all)


async def test_a_lost_database_is_503_and_comes_back(control: Control) -> None:
    """The pool's sessions are ended under it: a call may fail, but as one worth repeating."""
    await control.rows("SELECT 1")
    connection = await asyncpg.connect(control.database.dsn("superuser"))
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'control'"
            " AND datname = current_database()"
        )
    finally:
        await connection.close()
    # Another name each time: one would be locked after some guesses.
    names = (f"nobody-{number}" for number in itertools.count())
    answers = [await control.guess(next(names), "whatever it is") for _ in range(5)]
    assert {status for status, _ in answers} <= {200, 503}

    async def answers_again() -> bool:
        return (await control.guess(next(names), "whatever it is"))[0] == 200

    await until(answers_again)
