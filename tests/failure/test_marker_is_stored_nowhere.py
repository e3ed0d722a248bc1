"""I4: a marker put into whatever a client can say is found in no table, topic, file or log."""

import asyncio
import json
from pathlib import Path

import aiohttp
import asyncpg

from deploy.local.stack import Stack
from shared.events.catalog import CATALOG
from tests.gateway.counting import caught_up, read_topic
from tests.gateway.operator import MODEL, Operator

MARKER = "xq7-Marker-Zebra-4711"


async def test_what_was_said_is_found_nowhere(drill_stack: Stack, operator: Operator) -> None:
    """In prompts, tools, answers, `user`, `metadata`, model names, queries, upstream errors."""
    customer = await operator.customer(quota_units=50_000_000)
    url = f"{drill_stack.relay_url()}/v1/chat/completions"
    headers = {"Authorization": f"Bearer {customer.api_key}"}
    said = {
        "model": MODEL,
        "user": MARKER,
        "metadata": {MARKER: MARKER},
        "tools": [{"type": "function", "function": {"name": "f", "description": MARKER}}],
    }
    behaviours: list[dict[str, object]] = [
        {"echo_prompt": True},
        {"echo_prompt_in_error": True, "status": 400},
        {"echo_prompt_in_error": True, "status": 500},
        {"echo_prompt_in_error": True, "status": 429},
        {"echo_prompt": True, "malformed_json": True},
        {"echo_prompt": True, "no_usage": True},
        {"echo_prompt": True, "cut_after_events": 3},
        {"echo_prompt_in_error": True, "error_event_mid_stream": True},
        {"echo_prompt": True, "usage_strings": True},
        {"echo_prompt": True, "cut_body_at": 50},
        {"reset": True},
    ]
    answers = 0
    async with aiohttp.ClientSession() as http:
        for behaviour in behaviours:
            for stream in (False, True):
                content = f"{MARKER} [[simulate {json.dumps(behaviour)}]]"
                body = {
                    **said,
                    "stream": stream,
                    "messages": [
                        {"role": "system", "content": MARKER},
                        {"role": "user", "content": content},
                    ],
                }
                answers += await _marked(http, url, headers, json.dumps(body).encode())
        messages = [{"role": "user", "content": MARKER}]
        strange = [
            json.dumps({"model": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": messages, "n": MARKER}),
            json.dumps({"model": MODEL, "MODEL": MARKER, "messages": messages}),
            json.dumps({"model": MODEL, "messages": MARKER}),
            f'{{"model": "{MODEL}", "messages": ["{MARKER}"',
            f'"{MARKER}"',
        ]
        for raw in strange:
            await _marked(http, url, headers, raw.encode())
        await _marked(http, f"{url}?prompt={MARKER}", headers, b"{}")
        await _marked(http, f"{drill_stack.relay_url()}/v1/{MARKER}", headers, b"{}")
        await _marked(http, url, {"Authorization": f"Bearer sk-{MARKER}"}, b"{}")
        for path in ("/api/log/self", "/api/log/", "/api/user/self", "/api/billing/account"):
            await _marked(
                http, f"{drill_stack.relay_url()}{path}?keyword={MARKER}", headers, b"{}", "GET"
            )
    assert answers >= 4, "no answer carried the marker: the drill shows nothing"
    await caught_up(drill_stack)
    await asyncio.to_thread(_not_in_files, drill_stack.state_dir)
    await _not_in_topics(drill_stack)
    await _not_in_tables(drill_stack)


async def _marked(
    http: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    body: bytes,
    method: str = "POST",
) -> bool:
    try:
        async with http.request(method, url, data=body, headers=headers) as response:
            return MARKER.encode() in await response.read()
    except aiohttp.ClientError:
        return False


def _not_in_files(state_dir: Path) -> None:
    """Journals, every process's output, PostgreSQL's own log and files, Kafka's logs."""
    needle = MARKER.encode()
    looked_at = 0
    for path in state_dir.rglob("*"):
        if not path.is_file():
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # rotated away while we looked
            continue
        looked_at += 1
        assert needle not in data, f"the marker is in {path.relative_to(state_dir)}"
    assert looked_at > 50


async def _not_in_topics(stack: Stack) -> None:
    for topic in CATALOG:
        for name in (topic.name, *topic.dead_letter_topics):
            for record in await read_topic(stack, name):
                told = b"".join([record.key or b"", record.value or b"", *record.headers.values()])
                assert MARKER.encode() not in told, f"the marker is on {name}"


async def _not_in_tables(stack: Stack) -> None:
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
                f"%{MARKER}%",
            )
            assert found == 0, f"the marker is in {schema}.{table}"
    finally:
        await connection.close()
