"""Drafts of prices: rows of `price_drafts`. A published one is never changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from services.billing.prices.price_body import PriceFields
from shared.events.prices import GroupRatio
from shared.postgres.retrying import Connection

_LIST: Final = """
SELECT draft_id, name, source, created_by, created_at, published_at,
    (SELECT count(*) FROM json_object_keys(prices)) AS models
FROM price_drafts WHERE draft_id < $1 ORDER BY draft_id DESC LIMIT $2
"""
_READ: Final = """
SELECT draft_id, name, source, prices, group_ratios, warnings, created_by, created_at,
    published_at, published_versions
FROM price_drafts WHERE draft_id = $1
"""
_ADD: Final = """
INSERT INTO price_drafts (name, source, prices, group_ratios, warnings, created_by)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING draft_id
"""
_CHANGE: Final = "UPDATE price_drafts SET prices = $2 WHERE draft_id = $1"
_PUBLISHED: Final = """
UPDATE price_drafts SET published_at = now(), published_versions = $2 WHERE draft_id = $1
"""
_REMOVE: Final = "DELETE FROM price_drafts WHERE draft_id = $1 AND published_at IS NULL"


class Draft(NamedTuple):
    """A proposal of prices."""

    draft_id: int
    name: str
    source: str
    prices: dict[str, PriceFields]
    group_ratios: dict[str, GroupRatio]
    warnings: list[dict[str, str]]
    created_by: int
    created_at: datetime
    published_at: datetime | None = None
    published_versions: dict[str, int] | None = None


async def list_drafts(pool: asyncpg.Pool, *, before: int, limit: int) -> Sequence[asyncpg.Record]:
    """The newest first, without what is in them."""
    rows: Sequence[asyncpg.Record] = await pool.fetch(_LIST, before, limit)
    return rows


async def read_draft(
    reader: Connection | asyncpg.Pool, draft_id: int, *, to_change: bool = False
) -> Draft | None:
    """A draft; with `to_change` nobody else changes it until the end of the transaction."""
    row = await reader.fetchrow(_READ + ("FOR UPDATE" if to_change else ""), draft_id)
    if row is None:
        return None
    fields: dict[str, Any] = dict(row)
    fields["prices"] = _each(PriceFields, fields["prices"])
    fields["group_ratios"] = _each(GroupRatio, fields["group_ratios"])
    fields["warnings"] = orjson.loads(fields["warnings"])
    versions = fields["published_versions"]
    fields["published_versions"] = None if versions is None else orjson.loads(versions)
    return Draft(**fields)


async def add_draft(connection: Connection, draft: Draft) -> int:
    """Keep a new draft and answer its id; the one in `draft` is ignored."""
    return int(
        await connection.fetchval(
            _ADD,
            draft.name,
            draft.source,
            _json(draft.prices),
            _json(draft.group_ratios),
            orjson.dumps(draft.warnings).decode(),
            draft.created_by,
        )
    )


async def change_draft(
    connection: Connection, draft_id: int, prices: Mapping[str, PriceFields]
) -> None:
    """Put other prices into a draft."""
    await connection.execute(_CHANGE, draft_id, _json(prices))


async def mark_published(
    connection: Connection, draft_id: int, versions: Mapping[str, int]
) -> None:
    """Say which versions of the book came of a draft, by model and by `group:<name>`."""
    await connection.execute(_PUBLISHED, draft_id, orjson.dumps(versions).decode())


async def remove_draft(connection: Connection, draft_id: int) -> bool:
    """Throw a draft away; False where there is none that was not published."""
    return await connection.execute(_REMOVE, draft_id) != "DELETE 0"


def _each(kind: type[Any], told: str) -> dict[str, Any]:
    return {name: kind.model_validate(fields) for name, fields in orjson.loads(told).items()}


def _json(models: Mapping[str, PriceFields] | Mapping[str, GroupRatio]) -> str:
    # As JSON has it ratios are strings: exact.
    told = {name: model.model_dump(mode="json") for name, model in models.items()}
    return orjson.dumps(told).decode()
