"""A marker that stands for what was said, and the places where it must not be found (I4)."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG
from tests.gateway.catching_up import read_topic

MARKER = "xq7-Marker-Zebra-4711"
SAID_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "prompts": ("messages", "system", "prompt", "suffix", "instructions", "input", "image_url"),
    "tools": ("tools", "arguments", "output", "tool_result", "tool_use"),
    "client_fields": ("user", "metadata", "safety_identifier", "prompt_cache_key"),
    # Not in a body: what is echoed, asked for in a path or a query, or said in a header.
    "answers": (),
    "provider_errors": (),
    "query_values": (),
    "unknown_names": (),
    "other_headers": (),
}
"""What the drill on the marker shows: each statement of what is not stored (by its id), and the
fields and kinds of content in which the drill says it."""
_TABLES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('control', 'billing', 'logging')
  AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition -- whose rows its parent shows
"""


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
        tables = [tuple(row) for row in await connection.fetch(_TABLES)]
        assert await _disclosed(stack) <= set(tables), "told of in public, and not looked at"
        for schema, table in tables:
            for number, needle in enumerate(needles):
                found = await connection.fetchval(
                    f'SELECT count(*) FROM "{schema}"."{table}" t WHERE t::text LIKE $1',
                    f"%{needle}%",
                )
                assert found == 0, f"{number} is found in {schema}.{table}"
    finally:
        await connection.close()


async def _disclosed(stack: Stack) -> set[tuple[str, str]]:
    """Service and name of each table that the public document shows."""
    url = f"{stack.relay_url()}/transparency/schema.json"
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):
        while True:
            async with http.get(url) as response:
                services = (await response.json()).get("services", {})
            # One that an earlier drill stopped may not have been asked again yet.
            if services and all(part["tables"] for part in services.values()):
                break
            await asyncio.sleep(0.5)
    tables = {(service, table) for service, part in services.items() for table in part["tables"]}
    assert len(tables) > 30
    return tables
