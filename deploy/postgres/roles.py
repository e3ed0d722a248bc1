"""The roles that keep each service to its own tables (I6).

A service has two: `<service>_owner` migrates and owns the schema `<service>`; `<service>` runs, and
reads and writes the rows there. `reconcile` only reads. None sees a schema that is not its own.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import asyncpg

SERVICES: Final = ("billing", "logging", "tasks", "control")
READ_BY_RECONCILE: Final = ("billing", "logging", "tasks")
RECONCILE: Final = "reconcile"
ROLES: Final = (*SERVICES, *(f"{service}_owner" for service in SERVICES), RECONCILE)

_LOCK_KEY = 0x6C656467  # any number that only this command uses
_CREATE_ROLE = "SELECT format('CREATE ROLE %I', $1::text)"
_SET_PASSWORD = "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"  # noqa: S105 - a query
_TIMEOUTS = {
    "statement_timeout": "30s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}


async def create_roles(superuser_dsn: str, passwords: Mapping[str, str]) -> None:
    """Create or bring up to date every role, schema and grant, in the DSN's database.

    `passwords` has one for each of ROLES; raises ValueError when one is missing. Repeatable, also
    at the same time from two places: one transaction, under a lock.
    """
    if missing := sorted(set(ROLES) - set(passwords)):
        raise ValueError(f"no password for {', '.join(missing)}")
    connection = await asyncpg.connect(superuser_dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
            for role in ROLES:
                await _ensure_role(connection, role, passwords[role])
            database = await connection.fetchval("SELECT quote_ident(current_database())")
            for statement in _statements(database):
                await connection.execute(statement)
            await _ensure_trigrams(connection)
    finally:
        await connection.close()


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(await connection.fetchval(_CREATE_ROLE, role))
    # Such statements take no parameters; the server quotes for us.
    await connection.execute(await connection.fetchval(_SET_PASSWORD, role, password))


def _statements(database: str) -> Iterator[str]:
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {', '.join(ROLES)}"
    for service in SERVICES:
        yield from _service_statements(service)
    for service in READ_BY_RECONCILE:
        yield f"GRANT USAGE ON SCHEMA {service} TO {RECONCILE}"
        yield f"{_owner_default(service)} GRANT SELECT ON TABLES TO {RECONCILE}"
    yield f"ALTER ROLE {RECONCILE} SET default_transaction_read_only = on"
    yield from _timeout_statements(RECONCILE)


def _service_statements(service: str) -> Iterator[str]:
    owner = f"{service}_owner"
    default = _owner_default(service)
    yield f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner}"
    yield f"ALTER SCHEMA {service} OWNER TO {owner}"
    yield f"ALTER ROLE {owner} SET search_path = {service}"
    yield f"ALTER ROLE {service} SET search_path = {service}"
    yield f"GRANT USAGE ON SCHEMA {service} TO {service}"
    yield f"{default} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {service}"
    yield f"{default} GRANT USAGE ON SEQUENCES TO {service}"
    yield f"{default} GRANT EXECUTE ON FUNCTIONS TO {service}"
    # What PUBLIC may do by default can only be taken away for all schemas at once.
    yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
    yield from _timeout_statements(service)


def _owner_default(service: str) -> str:
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner IN SCHEMA {service}"


def _timeout_statements(role: str) -> Iterator[str]:
    for setting, value in _TIMEOUTS.items():
        yield f"ALTER ROLE {role} SET {setting} = '{value}'"


async def _ensure_trigrams(connection: asyncpg.Connection) -> None:
    """Make pg_trgm, where the server has it, usable for the log's text search."""
    await connection.execute("CREATE SCHEMA IF NOT EXISTS extensions")
    if await connection.fetchval("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions")
    await connection.execute("GRANT USAGE ON SCHEMA extensions TO logging, logging_owner")
    for role in ("logging", "logging_owner"):
        await connection.execute(f"ALTER ROLE {role} SET search_path = logging, extensions")
