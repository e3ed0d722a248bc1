"""A marker that stands for what was said, and the places where it must not be found (I4)."""

import asyncio
from pathlib import Path

import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG
from tests.gateway.catching_up import read_topic

MARKER = "xq7-Marker-Zebra-4711"


async def assert_nowhere(stack: Stack, needle: str = MARKER) -> None:
    """Not in a table, a topic, a journal, a server's file or a program's output."""
    await asyncio.to_thread(_not_in_files, stack.state_dir, needle.encode())
    await _not_in_topics(stack, needle.encode())
    await _not_in_tables(stack, needle)


def _not_in_files(state_dir: Path, needle: bytes) -> None:
    """Journals, every process's output, PostgreSQL's own log and files, Kafka's logs."""
    looked_at = 0
    for path in state_dir.rglob("*"):
        if not path.is_file():
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # rotated away while we looked
            continue
        looked_at += 1
        assert needle not in data, f"found in {path.relative_to(state_dir)}"
    assert looked_at > 50


async def _not_in_topics(stack: Stack, needle: bytes) -> None:
    for topic in CATALOG:
        for name in (topic.name, *topic.dead_letter_topics):
            for record in await read_topic(stack, name):
                told = b"".join([record.key or b"", record.value or b"", *record.headers.values()])
                assert needle not in told, f"found on {name}"


async def _not_in_tables(stack: Stack, needle: str) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname IN ('control', 'billing', 'logging')"
        )
        assert len(tables) > 15
        for schema, table in tables:
            found = await connection.fetchval(
                f'SELECT count(*) FROM "{schema}"."{table}" t WHERE t::text LIKE $1',
                f"%{needle}%",
            )
            assert found == 0, f"found in {schema}.{table}"
    finally:
        await connection.close()
