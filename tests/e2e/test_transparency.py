"""What anyone can read of what is stored, through the public door."""

from collections.abc import Mapping

import aiohttp
import asyncpg

from deploy.local.stack import Stack

_DOCUMENT = "/transparency/schema.json"
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


async def test_the_document_is_public_and_says_what_the_databases_say(stack: Stack) -> None:
    """Without a key; each column of each table is the one that PostgreSQL has."""
    async with (
        aiohttp.ClientSession(stack.relay_url()) as http,
        http.get(_DOCUMENT) as response,
    ):
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.content_type == "application/json"
        told = await response.json()
    assert {name: each["is_current"] for name, each in told["services"].items()} == {
        "control": True,
        "billing": True,
        "logging": True,
    }
    assert told["source_url"] == _DOCUMENT
    shown = 0
    connection = await asyncpg.connect(stack.dsn("superuser"))
    try:
        for service, part in told["services"].items():
            for table in part["tables"]:
                rows = await connection.fetch(_COLUMNS, f"{service}.{table}")
                assert list(told["tables"][table].items()) == [tuple(row) for row in rows], table
                shown += 1
    finally:
        await connection.close()
    assert shown == len(told["tables"]) > 30
    assert {"logs", "tokens", "users", "quota_data"} <= set(told["tables"])
    assert _values(told["secrets"]) >= {("users", "password"), ("token_secrets", "key_hash")}


def _values(secrets: Mapping[str, Mapping[str, str]]) -> set[tuple[str, str]]:
    return {(table, column) for table, columns in secrets.items() for column in columns}


async def test_people_get_a_page_that_runs_nothing(stack: Stack) -> None:
    async with aiohttp.ClientSession(stack.relay_url()) as http:
        for path in ("/transparency", "/transparency/"):
            async with http.get(path, headers={"Authorization": "Bearer nonsense"}) as response:
                text = await response.text()
            assert response.status == 200
            assert response.content_type == "text/html"
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert "What is not stored" in text
            assert "token_secrets" in text


async def test_nothing_else_is_there(stack: Stack) -> None:
    async with aiohttp.ClientSession(stack.relay_url()) as http:
        async with http.get("/transparency/nothing") as response:
            assert (response.status, (await response.json())["success"]) == (404, False)
        async with http.post(_DOCUMENT, json={}) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
        async with http.head(_DOCUMENT) as response:
            assert (response.status, await response.read()) == (200, b"")


async def test_each_service_tells_of_its_tables_only_to_services(stack: Stack) -> None:
    async with aiohttp.ClientSession() as http:
        for service in ("control", "billing", "logging"):
            async with http.get(stack.internal_url(service) + "/internal/schema") as response:
                assert response.status == 401
