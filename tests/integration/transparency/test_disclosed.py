"""Each table of each service is told of in public, or it is written down why not."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

import services
from services.billing import disclosed as billing
from services.control import disclosed as control
from services.logging import disclosed as logging
from services.logging.transparency.statements import STORED
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.transparency.disclosure import Disclosure, ServiceSchema
from shared.transparency.live_schema import live_schema, live_tables
from tests.stack_fixtures import Database

_SERVICES: Final = Path(next(iter(services.__path__)))
_ALL: Final = (control.DISCLOSURE, billing.DISCLOSURE, logging.DISCLOSURE)
_HOLDS_A_SECRET: Final = ("password", "ciphertext", "token_hash", "key_hash", "secret")
_HOLDS_NONE: Final = {"password_reset_expiry", "mfa_secret_set"}


async def _migrated(database: Database, service: str) -> None:
    directory = _SERVICES / service / "migrations"
    await migrate(database.dsn(f"{service}_owner"), schema=service, directory=directory)


async def _told(database: Database, disclosure: Disclosure) -> ServiceSchema:
    async with _pool(database, disclosure.service) as pool:
        return await live_schema(pool, disclosure)


def _pool(database: Database, service: str) -> AbstractAsyncContextManager[asyncpg.Pool]:
    return open_pool(database.dsn(service), min_size=1, max_size=1, application_name="told")


@pytest.mark.parametrize("disclosure", _ALL, ids=lambda each: each.service)
async def test_every_table_is_disclosed_or_withheld_with_a_reason(
    database: Database, disclosure: Disclosure
) -> None:
    await _migrated(database, disclosure.service)
    async with _pool(database, disclosure.service) as pool:
        relations = set(await live_tables(pool))
    disclosed, withheld = set(disclosure.tables.values()), set(disclosure.withheld)
    assert disclosed & withheld == set()
    assert relations - disclosed - withheld == set(), "say of these whether the public is told"
    assert (disclosed | withheld) - relations == set(), "these are no longer there"
    assert all(reason.endswith(".") for reason in disclosure.withheld.values())


@pytest.mark.parametrize("disclosure", _ALL, ids=lambda each: each.service)
async def test_every_column_that_holds_a_secret_is_told_as_one(
    database: Database, disclosure: Disclosure
) -> None:
    await _migrated(database, disclosure.service)
    told = await _told(database, disclosure)
    named = {
        (table, column)
        for table, columns in told.tables.items()
        for column in columns
        if any(word in column for word in _HOLDS_A_SECRET) and column not in _HOLDS_NONE
    }
    written = {(table, column) for table, columns in told.secrets.items() for column in columns}
    assert named - written == set(), "say how these are kept, or that they hold no secret"
    assert {(t, c) for t, c in written if c not in told.tables[t]} == set()


async def test_each_table_is_spoken_of_by_one_sentence_on_what_is_stored() -> None:
    spoken_of = [table for statement in STORED for table in statement.tables]
    assert sorted(spoken_of) == sorted(name for disclosure in _ALL for name in disclosure.tables), (
        "a table without a sentence, a sentence without a table, or a name that two services use"
    )


async def test_it_is_read_from_the_database_and_not_from_a_list(database: Database) -> None:
    """A column that was just added is told at once; a partition is its parent; values never."""
    await _migrated(database, "control")
    owner = await asyncpg.connect(database.dsn("control_owner"))
    try:
        await owner.execute(
            "ALTER TABLE groups ADD COLUMN colour varchar(7);"
            " CREATE TABLE days (day int NOT NULL) PARTITION BY RANGE (day);"
            " CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (2)"
        )
    finally:
        await owner.close()
    told = await _told(database, control.DISCLOSURE)
    assert told.tables["groups"]["colour"] == "character varying(7)"
    assert told.tables["groups"]["name"] == "text"
    assert "days" not in told.tables, "what is in neither list is not told"
    async with _pool(database, "control") as pool:
        assert {"days", "days_1"} & set(await live_tables(pool)) == {"days"}
