"""No service can read another's tables: the database refuses (I6)."""

import asyncpg
import pytest

from deploy.postgres.roles import READ_BY_RECONCILE, SERVICES, create_roles
from tests.stack_fixtures import Database

_MAKE = """
    CREATE TABLE secret_figures (id bigint GENERATED ALWAYS AS IDENTITY, n bigint NOT NULL);
    CREATE FUNCTION count_figures() RETURNS bigint LANGUAGE sql SECURITY DEFINER
        SET search_path FROM CURRENT AS 'SELECT count(*) FROM secret_figures';
"""


async def _execute(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
async def tables(database: Database) -> Database:
    """A table and a function of each service, made by its owner."""
    for service in SERVICES:
        connection = await asyncpg.connect(database.dsn(f"{service}_owner"))
        await connection.execute(_MAKE)
        await connection.close()
    return database


async def test_a_service_reads_and_writes_its_own_tables(tables: Database) -> None:
    for service in SERVICES:
        dsn = tables.dsn(service)
        await _execute(dsn, "INSERT INTO secret_figures (n) VALUES (7)")
        await _execute(dsn, "UPDATE secret_figures SET n = 8")
        assert await _execute(dsn, "SELECT n FROM secret_figures") == 8
        assert await _execute(dsn, "SELECT count_figures()") == 1
        await _execute(dsn, "DELETE FROM secret_figures")


@pytest.mark.parametrize("owner", SERVICES)
async def test_another_services_table_and_function_are_refused(
    tables: Database, owner: str
) -> None:
    others = [role for s in SERVICES if s != owner for role in (s, f"{s}_owner")]
    for role in others:
        for statement in (
            f"SELECT * FROM {owner}.secret_figures",
            f"INSERT INTO {owner}.secret_figures (n) VALUES (1)",
            f"DELETE FROM {owner}.secret_figures",
            f"SELECT {owner}.count_figures()",
            f"CREATE TABLE {owner}.mine (n int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _execute(tables.dsn(role), statement)


async def test_a_service_cannot_change_tables_even_of_its_own(tables: Database) -> None:
    for service in SERVICES:
        for statement in ("DROP TABLE secret_figures", f"CREATE TABLE {service}.extra (n int)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _execute(tables.dsn(service), statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _execute(tables.dsn(service), "CREATE TABLE public.extra (n int)")


async def test_reconcile_reads_the_money_and_writes_nothing(tables: Database) -> None:
    dsn = tables.dsn("reconcile")
    for service in READ_BY_RECONCILE:
        assert await _execute(dsn, f"SELECT count(*) FROM {service}.secret_figures") == 0
        with pytest.raises(asyncpg.PostgresError) as refused:
            await _execute(
                dsn,
                f"WITH a AS (SELECT set_config('transaction_read_only', 'off', true))"
                f"INSERT INTO {service}.secret_figures (n) SELECT 1 FROM a",
            )
        assert refused.value.sqlstate in {"42501", "25006"}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _execute(dsn, "SELECT * FROM control.secret_figures")


async def test_run_roles_cannot_hold_the_database_up_for_long(tables: Database) -> None:
    for service in SERVICES:
        assert await _execute(tables.dsn(service), "SHOW statement_timeout") == "30s"
        assert await _execute(tables.dsn(service), "SHOW lock_timeout") == "5s"
        idle = await _execute(tables.dsn(service), "SHOW idle_in_transaction_session_timeout")
        assert idle == "1min"


async def test_the_roles_can_be_made_again(tables: Database) -> None:
    passwords = tables.infrastructure.secrets.postgres_passwords
    await create_roles(tables.dsn("superuser"), passwords)
    assert await _execute(tables.dsn("billing"), "SELECT count_figures()") == 0


async def test_a_missing_password_is_named(database: Database) -> None:
    passwords = dict(database.infrastructure.secrets.postgres_passwords)
    del passwords["tasks"]
    with pytest.raises(ValueError, match="no password for tasks"):
        await create_roles(database.dsn("superuser"), passwords)


async def test_trigrams_are_there_for_the_log(database: Database) -> None:
    assert await _execute(database.dsn("logging"), "SELECT similarity('abc', 'abc')") == 1.0
