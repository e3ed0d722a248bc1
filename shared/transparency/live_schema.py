"""The tables of one's own schema, as PostgreSQL's catalogue has them at this moment."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from shared.transparency.disclosure import Disclosure, ServiceSchema

# Tables, partitioned tables and views; a partition is its parent again.
_COLUMNS: Final = """
SELECT c.relname AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n
                        WHERE n.nspname = current_schema())
  AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_MIGRATED_AT: Final = "SELECT max(applied_at) FROM schema_migrations"


async def live_tables(pool: asyncpg.Pool) -> dict[str, dict[str, str]]:
    """Relation to its columns and their types, in their order. Raises what asyncpg raises."""
    tables: dict[str, dict[str, str]] = {}
    for row in await pool.fetch(_COLUMNS):
        tables.setdefault(row["relation"], {})[row["name"]] = row["type"]
    return tables


async def live_schema(pool: asyncpg.Pool, disclosure: Disclosure) -> ServiceSchema:
    """What the service tells of itself. A relation that is in neither list is not told."""
    relations = await live_tables(pool)
    tables = {
        name: relations[relation]
        for name, relation in disclosure.tables.items()
        if relation in relations
    }
    return ServiceSchema(
        tables=tables,
        secrets=_there(disclosure.secrets, tables),
        withheld={name: why for name, why in disclosure.withheld.items() if name in relations},
        migrated_at=await pool.fetchval(_MIGRATED_AT),
    )


def _there(
    secrets: Mapping[str, Mapping[str, str]], tables: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {name: dict(columns) for name, columns in secrets.items() if name in tables}
