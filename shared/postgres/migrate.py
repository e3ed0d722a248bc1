"""Numbered SQL files, each applied once."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from shared.telemetry.logs import get_logger

_logger = get_logger()
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class MigrationError(Exception):
    """The files and what the database says was applied do not agree. Needs a person."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """What tells a changed file from the one that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(directory: Path) -> tuple[Migration, ...]:
    """The files of a directory in order. Raises MigrationError on a bad name, gap or repeat."""
    migrations = []
    for expected, path in enumerate(sorted(directory.glob("*.sql")), start=1):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_first_tables.sql")
        if int(match[1]) != expected:
            raise MigrationError(f"expected number {expected:04} and found {path.name}")
        migrations.append(Migration(expected, path.name, path.read_text(encoding="utf-8")))
    return tuple(migrations)


async def migrate(owner_dsn: str, *, schema: str, directory: Path) -> int:
    """Bring `schema` up to the newest file of `directory`; answer how many were applied.

    Repeatable, and safe to run from several processes at once. The schema must exist and belong to
    the role of `owner_dsn`. Files run with `search_path` set to the schema, each in a transaction
    of its own. Raises MigrationError when an applied file was changed or has disappeared.
    """
    if _SCHEMA_NAME.fullmatch(schema) is None:
        raise MigrationError(f"{schema!r} is not a schema name")
    migrations = read_migrations(directory)
    connection = await asyncpg.connect(
        owner_dsn,
        server_settings={"search_path": schema, "application_name": f"migrate-{schema}"},
    )
    try:
        # Held by the session, so that a second migration waits for all of the files.
        await connection.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        await connection.execute(
            "SELECT pg_advisory_lock(hashtextextended('migrate ' || $1, 0))", schema
        )
        return await _apply(connection, migrations, schema)
    finally:
        await connection.close()


async def _apply(
    connection: asyncpg.Connection, migrations: tuple[Migration, ...], schema: str
) -> int:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations")
    applied = {row["version"]: row["sha256"] for row in rows}
    unknown = sorted(applied.keys() - {m.version for m in migrations})
    if unknown:
        raise MigrationError(f"{schema}: applied but not here: {unknown}")
    count = 0
    for migration in migrations:
        known = applied.get(migration.version)
        if known == migration.sha256:
            continue
        if known is not None:
            raise MigrationError(f"{schema}: {migration.name} was changed after it was applied")
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.sha256,
            )
        _logger.info("migration_applied", schema=schema, migration=migration.name)
        count += 1
    return count
