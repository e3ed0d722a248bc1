"""The price book's rows. A change adds a version; none is ever changed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

import asyncpg
import orjson

from shared.events.prices import GroupRatio, ModelPrice
from shared.postgres.retrying import Connection

Reader: TypeAlias = Connection | asyncpg.Pool

_PRICES: Final = """
SELECT model, version, effective_from, trim_scale(model_ratio) AS model_ratio,
    trim_scale(completion_ratio) AS completion_ratio, trim_scale(cache_ratio) AS cache_ratio,
    trim_scale(cache_creation_ratio) AS cache_creation_ratio,
    trim_scale(cache_creation_1h_ratio) AS cache_creation_1h_ratio,
    trim_scale(image_ratio) AS image_ratio, trim_scale(audio_ratio) AS audio_ratio,
    trim_scale(model_price) AS model_price, max_output_tokens,
    trim_scale(output_audio_ratio) AS output_audio_ratio,
    trim_scale(output_image_ratio) AS output_image_ratio,
    tiers, service_tiers, tool_prices, second_prices, max_input_tokens
FROM (
    SELECT *, lead(effective_from) OVER (PARTITION BY model ORDER BY effective_from, version)
        AS followed_at
    FROM prices WHERE withdrawn_at IS NULL AND ($1::text[] IS NULL OR model = ANY($1))
) AS versions
WHERE $2::timestamptz IS NULL OR followed_at IS NULL OR followed_at > $2
ORDER BY model, effective_from, version
"""
_IN_JSON: Final = ("tiers", "service_tiers", "tool_prices", "second_prices")
_ADD_PRICE: Final = """
INSERT INTO prices (model, effective_from, model_ratio, completion_ratio, cache_ratio,
    cache_creation_ratio, cache_creation_1h_ratio, image_ratio, audio_ratio, model_price,
    max_output_tokens, output_audio_ratio, output_image_ratio, tiers, service_tiers, tool_prices,
    second_prices, max_input_tokens)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
RETURNING version
"""
_PIECE: Final = 100
"""Versions that are made without letting others on the loop: charges and leases wait for it."""
_WITHDRAW: Final = """
UPDATE prices SET withdrawn_at = now() WHERE model = $1 AND withdrawn_at IS NULL
"""
_GROUPS: Final = """
SELECT group_name, version, effective_from, trim_scale(ratio) AS ratio, user_group_ratios
FROM group_ratios WHERE $1::text[] IS NULL OR group_name = ANY($1)
ORDER BY group_name, effective_from, version
"""
_ADD_GROUP: Final = """
INSERT INTO group_ratios (group_name, effective_from, ratio, user_group_ratios)
VALUES ($1, $2, $3, $4) RETURNING version
"""
_BOOK_VERSION: Final = """
SELECT format('%s-%s-%s', max(version), count(withdrawn_at),
    (SELECT max(version) FROM group_ratios))
FROM prices
"""
# One change of the book at a time, so that its numbers are committed in order.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('billing.price_book', 0))"


async def lock_price_book(connection: Connection) -> datetime:
    """Keep other changes out until the end of the transaction; answers the database's time."""
    await connection.execute(_LOCK)
    return await read_time(connection)


async def read_time(reader: Reader) -> datetime:
    """The database's: what versions begin by."""
    now: datetime = await reader.fetchval("SELECT clock_timestamp()")
    return now


async def read_book_version(reader: Reader) -> str:
    """Another word whenever anything of the book has changed."""
    version: str = await reader.fetchval(_BOOK_VERSION)
    return version


async def read_prices(
    reader: Reader, models: Sequence[str] | None = None, *, since: datetime | None = None
) -> dict[str, list[ModelPrice]]:
    """The versions of these models, or of all, oldest first; without those withdrawn.

    With `since` only the one that holds then and those that begin later.
    """
    prices: dict[str, list[ModelPrice]] = {}
    rows = await reader.fetch(_PRICES, None if models is None else list(models), since)
    for number, row in enumerate(rows, 1):
        if not number % _PIECE:
            await asyncio.sleep(0)
        fields = dict(row) | {name: orjson.loads(row[name]) for name in _IN_JSON}
        prices.setdefault(fields.pop("model"), []).append(ModelPrice(**fields))
    return prices


async def add_price(connection: Connection, model: str, price: ModelPrice) -> int:
    """Add a version and answer its number; the one in `price` is ignored."""
    # As JSON has it ratios are strings: exact.
    told = price.model_dump(mode="json", include=set(_IN_JSON))
    return int(
        await connection.fetchval(
            _ADD_PRICE,
            model,
            price.effective_from,
            price.model_ratio,
            price.completion_ratio,
            price.cache_ratio,
            price.cache_creation_ratio,
            price.cache_creation_1h_ratio,
            price.image_ratio,
            price.audio_ratio,
            price.model_price,
            price.max_output_tokens,
            price.output_audio_ratio,
            price.output_image_ratio,
            *(orjson.dumps(told[name]).decode() for name in _IN_JSON),
            price.max_input_tokens,
        )
    )


async def withdraw_prices(connection: Connection, model: str) -> bool:
    """Let no version of a model hold any more; False where none did."""
    return await connection.execute(_WITHDRAW, model) != "UPDATE 0"


async def read_group_ratios(
    reader: Reader, groups: Sequence[str] | None = None
) -> dict[str, list[GroupRatio]]:
    """The versions of these groups' ratios, or of all, oldest first."""
    ratios: dict[str, list[GroupRatio]] = {}
    for row in await reader.fetch(_GROUPS, None if groups is None else list(groups)):
        by_user_group = orjson.loads(row["user_group_ratios"])
        ratios.setdefault(row["group_name"], []).append(
            GroupRatio(
                version=row["version"],
                effective_from=row["effective_from"],
                ratio=row["ratio"],
                user_group_ratios={name: Decimal(r) for name, r in by_user_group.items()},
            )
        )
    return ratios


async def add_group_ratio(connection: Connection, group: str, ratio: GroupRatio) -> int:
    """Add a version and answer its number; the one in `ratio` is ignored."""
    by_user_group = {name: str(r) for name, r in ratio.user_group_ratios.items()}
    return int(
        await connection.fetchval(
            _ADD_GROUP,
            group,
            ratio.effective_from,
            ratio.ratio,
            orjson.dumps(by_user_group).decode(),
        )
    )
