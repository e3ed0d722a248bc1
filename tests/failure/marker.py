"""A marker that stands for what was said, and the places where it must not be found (I4)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG
from tests.gateway.catching_up import read_topic

MARKER = "xq7-Marker-Zebra-4711"


async def assert_nowhere(stack: Stack, *needles: str) -> None:
    """None is in a table, a topic, a journal, a server's file or a program's output."""
    assert needles
    await asyncio.to_thread(_not_in_files, stack.state_dir, needles)
    await _not_in_topics(stack, needles)
    await _not_in_tables(stack, needles)


def _not_in_files(state_dir: Path, needles: Sequence[str]) -> None:
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
        for number, needle in enumerate(needles):
            found = needle.encode() in data
            assert not found, f"{number} is found in {path.relative_to(state_dir)}"
    assert looked_at > 50


async def _not_in_topics(stack: Stack, needles: Sequence[str]) -> None:
    for topic in CATALOG:
        for name in (topic.name, *topic.dead_letter_topics):
            for record in await read_topic(stack, name):
                told = b"".join([record.key or b"", record.value or b"", *record.headers.values()])
                for number, needle in enumerate(needles):
                    assert needle.encode() not in told, f"{number} is found on {name}"


async def _not_in_tables(stack: Stack, needles: Sequence[str]) -> None:
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname IN ('control', 'billing', 'logging')"
        )
        assert len(tables) > 15
        for schema, table in tables:
            for number, needle in enumerate(needles):
                found = await connection.fetchval(
                    f'SELECT count(*) FROM "{schema}"."{table}" t WHERE t::text LIKE $1',
                    f"%{needle}%",
                )
                assert found == 0, f"{number} is found in {schema}.{table}"
    finally:
        await connection.close()
