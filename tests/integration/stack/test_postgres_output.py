"""PostgreSQL's own log repeats neither rows nor parameters (I4)."""

import asyncpg
import pytest

from deploy.postgres.server_settings import SERVER_SETTINGS
from tests.stack_fixtures import Database

_MARKER = "a-marker-that-somebody-said"


async def test_a_refused_row_is_not_in_the_servers_log(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn("logging_owner"))
    try:
        await connection.execute("CREATE TABLE said (text varchar(60) UNIQUE, n int NOT NULL)")
        await connection.execute("INSERT INTO said VALUES ($1, 1)", _MARKER)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO said VALUES ($1, 1)", _MARKER)
        with pytest.raises(asyncpg.NotNullViolationError):
            await connection.execute("INSERT INTO said VALUES ($1, NULL)", _MARKER + "2")
    finally:
        await connection.close()
    output = database.infrastructure.process("postgres").output_path.read_text()
    assert "said_text_key" in output  # the refusals themselves are there
    assert _MARKER not in output


async def test_the_server_runs_with_the_committed_settings(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn("superuser"))
    try:
        for name, expected in SERVER_SETTINGS.items():
            shown = await connection.fetchval("SELECT current_setting($1)", name)
            assert shown == expected, name
    finally:
        await connection.close()
