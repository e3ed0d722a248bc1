"""SQL of models."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from services.control.database import Reader
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import Connection

_MAX_NAMED: Final = 10
_UNKNOWN_MODELS: Final = """
SELECT wanted FROM unnest($1::text[]) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM models WHERE name = wanted AND deleted_at IS NULL)
"""
# A name that was deleted may be used again.
_INSERT_MODEL: Final = """
INSERT INTO models (name, groups, status, owned_by, max_output_tokens, max_media_tokens)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE
SET groups = excluded.groups, status = excluded.status, owned_by = excluded.owned_by,
    max_output_tokens = excluded.max_output_tokens, max_media_tokens = excluded.max_media_tokens,
    created_at = now(), updated_at = now(), deleted_at = NULL
WHERE models.deleted_at IS NOT NULL
RETURNING name
"""
_UPDATE_MODEL: Final = """
UPDATE models SET groups = $2, status = $3, owned_by = $4, max_output_tokens = $5,
                  max_media_tokens = $6, updated_at = now()
WHERE name = $1
"""
_DELETE_MODEL: Final = """
UPDATE models SET deleted_at = now(), updated_at = now()
WHERE name = $1 AND deleted_at IS NULL RETURNING name
"""
_LIST_MODELS: Final = """
SELECT * FROM models WHERE deleted_at IS NULL ORDER BY name LIMIT $1 OFFSET $2
"""


async def require_models(connection: Connection, names: Sequence[str]) -> None:
    """Raises EnvelopeError that names the models which do not exist."""
    _refuse("models", await connection.fetch(_UNKNOWN_MODELS, list(names)))


def _refuse(what: str, unknown: Sequence[asyncpg.Record]) -> None:
    if unknown:
        names = ", ".join(row["wanted"] for row in unknown[:_MAX_NAMED])
        more = "" if len(unknown) <= _MAX_NAMED else f" and {len(unknown) - _MAX_NAMED} more"
        raise EnvelopeError(f"unknown {what}: {names}{more}")


async def insert_model(connection: Connection, name: str, model: dict[str, Any]) -> bool:
    """A model; False where there is one of this name."""
    return await connection.fetchval(_INSERT_MODEL, name, *_values(model)) is not None


async def read_model(connection: Reader, name: str, *, lock: bool = False) -> asyncpg.Record | None:
    """A model, locked where it is to be changed."""
    query = "SELECT * FROM models WHERE name = $1 AND deleted_at IS NULL"
    return await connection.fetchrow(f"{query} FOR UPDATE" if lock else query, name)


async def update_model(connection: Connection, name: str, model: dict[str, Any]) -> None:
    """Set all that can change."""
    await connection.execute(_UPDATE_MODEL, name, *_values(model))


async def delete_model(connection: Connection, name: str) -> bool:
    """Mark as deleted; False where there is none."""
    return await connection.fetchval(_DELETE_MODEL, name) is not None


async def list_models(
    connection: Reader, *, limit: int, offset: int
) -> tuple[list[asyncpg.Record], int]:
    """By name, and how many there are."""
    rows = await connection.fetch(_LIST_MODELS, limit, offset)
    total = await connection.fetchval("SELECT count(*) FROM models WHERE deleted_at IS NULL")
    return rows, total


def public_model(row: Any) -> dict[str, Any]:
    """A model as answers show one."""
    return {
        "name": row["name"],
        "groups": row["groups"],
        "status": row["status"],
        "owned_by": row["owned_by"],
        "max_output_tokens": row["max_output_tokens"],
        "max_media_tokens": row["max_media_tokens"],
        "created_at": int(row["created_at"].timestamp()),
    }


def _values(model: dict[str, Any]) -> tuple[Any, ...]:
    return (
        model["groups"],
        int(model["status"]),
        model["owned_by"],
        model["max_output_tokens"],
        model["max_media_tokens"],
    )
