import shutil
from pathlib import Path

import asyncpg

from services.control.channels.slugs import slug_of
from shared.postgres.migrate import migrate
from tests.integration.control.conftest import MIGRATIONS
from tests.stack_fixtures import Database

NAMES = ("OpenAI", "openai", "Open-AI!", "通义千问", "x" * 100, "anthropic", "ANTHROPIC")
BEFORE = 5


async def test_the_names_that_channels_had_become_providers(
    database: Database, tmp_path: Path
) -> None:
    for path in sorted(MIGRATIONS.glob("*.sql"))[:BEFORE]:
        shutil.copy(path, tmp_path)
    await migrate(database.dsn("control_owner"), schema="control", directory=tmp_path)
    connection = await asyncpg.connect(database.dsn("control"))
    try:
        for name in NAMES:
            await connection.execute(
                "INSERT INTO channels (name, provider, dialect, base_url, key_ciphertext, models,"
                " groups) VALUES ('a', $1, 'openai', 'https://a', 'c', '{}', '{}')",
                name,
            )
        await connection.execute("DELETE FROM state_outbox")
        await migrate(database.dsn("control_owner"), schema="control", directory=MIGRATIONS)
        rows = await connection.fetch(
            "SELECT p.name, p.slug FROM channels AS c JOIN providers AS p ON p.id = c.provider_id"
            " ORDER BY c.id"
        )
        marked = await connection.fetchval(
            "SELECT count(*) FROM state_outbox WHERE key LIKE 'channel:%'"
        )
    finally:
        await connection.close()
    for asked, row in zip(NAMES, rows, strict=True):
        assert row["name"].lower() == asked.lower()
    slugs = {row["name"]: row["slug"] for row in rows}
    assert len(set(slugs.values())) == len(slugs) == 5
    assert {slug_of(name) for name in ("OpenAI", "anthropic")} < set(slugs.values())
    assert max(map(len, slugs.values())) <= 64
    assert marked == len(NAMES)
