"""SQL of providers."""

from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.postgres.retrying import Connection

_INSERT: Final = """
INSERT INTO providers (name, slug, description, base_url, logo_url, color, is_active)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING *
"""
_UPDATE: Final = """
UPDATE providers SET name = $2, slug = $3, description = $4, base_url = $5, logo_url = $6,
                     color = $7, is_active = $8, updated_at = now()
WHERE id = $1 RETURNING *
"""
_DELETE: Final = "UPDATE providers SET deleted_at = now(), updated_at = now() WHERE id = $1"
_ALIVE: Final = "SELECT * FROM providers WHERE deleted_at IS NULL"
# Shared, so that a provider is not deleted while a channel for it is being made.
_NAMED: Final = f"{_ALIVE} AND (slug = $1 OR lower(name) = lower($1)) ORDER BY slug <> $1 LIMIT 1"
_CHANNELS: Final = """
SELECT id FROM channels WHERE provider_id = $1 AND deleted_at IS NULL ORDER BY id
"""


class ProviderTakenError(Exception):
    """Another provider has the name or the slug."""


async def insert_provider(
    connection: Connection, provider: dict[str, Any]
) -> asyncpg.Record | None:
    """A provider; answers its row, None where another has the name or the slug."""
    return await connection.fetchrow(_INSERT, *_values(provider))


async def update_provider(
    connection: Connection, provider_id: int, provider: dict[str, Any]
) -> asyncpg.Record:
    """Set all that can change; answers the row.

    Raises ProviderTakenError; the transaction is then of no more use.
    """
    try:
        row = await connection.fetchrow(_UPDATE, provider_id, *_values(provider))
    except asyncpg.UniqueViolationError:
        raise ProviderTakenError from None
    assert row is not None  # noqa: S101 - the caller has locked the row
    return row


async def read_provider(
    connection: Reader, provider_id: int, *, lock: str = ""
) -> asyncpg.Record | None:
    """A provider; `lock` is empty, `FOR SHARE` or `FOR UPDATE`."""
    return await connection.fetchrow(f"{_ALIVE} AND id = $1 {lock}", provider_id)


async def find_provider(connection: Connection, name_or_slug: str) -> asyncpg.Record | None:
    """A provider by its slug, else by its name in whatever case; kept from being deleted."""
    return await connection.fetchrow(f"{_NAMED} FOR SHARE", name_or_slug)


async def is_slug_taken(connection: Reader, slug: str) -> bool:
    """Whether a provider that is there has it."""
    return bool(await connection.fetchval(f"SELECT EXISTS ({_ALIVE} AND slug = $1)", slug))


async def mark_provider_deleted(connection: Connection, provider_id: int) -> None:
    """The row stays: deleted channels and log rows go on naming it."""
    await connection.execute(_DELETE, provider_id)


async def channels_of(connection: Connection, provider_id: int) -> list[int]:
    """The ids of its channels that are there."""
    return [row["id"] for row in await connection.fetch(_CHANNELS, provider_id)]


async def list_providers(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """By slug, and how many there are."""
    rows = await connection.fetch(f"{_ALIVE} ORDER BY slug LIMIT $1 OFFSET $2", limit, offset)
    query = "SELECT count(*) FROM providers WHERE deleted_at IS NULL"
    return rows, await connection.fetchval(query)


def public_provider(row: Any) -> dict[str, Any]:
    """A provider as answers show one. It has no secrets: those are its channels'."""
    return {
        "id": row["id"],
        "workspace_id": row["workspace_id"],
        "name": row["name"],
        "slug": row["slug"],
        "description": row["description"],
        "base_url": row["base_url"],
        "logo_url": row["logo_url"],
        "color": row["color"],
        "is_active": row["is_active"],
        "created_at": int(row["created_at"].timestamp()),
        "updated_at": int(row["updated_at"].timestamp()),
    }


def _values(provider: dict[str, Any]) -> tuple[Any, ...]:
    columns = ("name", "slug", "description", "base_url", "logo_url", "color", "is_active")
    return tuple(provider[name] for name in columns)
