"""Migrations are applied once each, whoever asks and how often."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.postgres.migrate import MigrationError, migrate
from tests.stack_fixtures import Database


def _write(directory: Path, **files: str) -> None:
    for name, sql in files.items():
        (directory / f"{name[1:]}.sql").write_text(sql)


@pytest.fixture
async def dsn(database: Database) -> str:
    return database.dsn("billing_owner")


async def test_applies_each_file_once_also_when_many_ask(dsn: str, tmp_path: Path) -> None:
    _write(tmp_path, _0001_first="CREATE TABLE a (n int)", _0002_more="INSERT INTO a VALUES (1)")
    counts = await asyncio.gather(
        *(migrate(dsn, schema="billing", directory=tmp_path) for _ in range(4))
    )
    assert sorted(counts) == [0, 0, 0, 2]
    _write(tmp_path, _0003_last="INSERT INTO a VALUES (2)")
    assert await migrate(dsn, schema="billing", directory=tmp_path) == 1
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT n FROM billing.a ORDER BY n")
    await connection.close()
    assert [row["n"] for row in rows] == [1, 2]


async def test_a_changed_file_is_refused(dsn: str, tmp_path: Path) -> None:
    _write(tmp_path, _0001_first="CREATE TABLE a (n int)")
    await migrate(dsn, schema="billing", directory=tmp_path)
    _write(tmp_path, _0001_first="CREATE TABLE a (n bigint)")
    with pytest.raises(MigrationError, match="changed"):
        await migrate(dsn, schema="billing", directory=tmp_path)


async def test_a_file_that_fails_leaves_nothing(dsn: str, tmp_path: Path) -> None:
    _write(tmp_path, _0001_first="CREATE TABLE a (n int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(dsn, schema="billing", directory=tmp_path)
    _write(tmp_path, _0001_first="CREATE TABLE a (n int)")
    assert await migrate(dsn, schema="billing", directory=tmp_path) == 1


async def test_a_gap_in_the_numbers_is_refused(dsn: str, tmp_path: Path) -> None:
    _write(tmp_path, _0002_second="SELECT 1")
    with pytest.raises(MigrationError, match="0001"):
        await migrate(dsn, schema="billing", directory=tmp_path)
