"""Holding a service where it writes: it waits inside the database, and may be killed there.

No code of the service knows of it: a trigger that only the test's database has waits for a lock
that the test holds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

_LOCK: Final = 7_001_006
_DEADLINE_S: Final = 20.0
_ON_COMMIT: Final = "commit"
_COMMITTED: Final = {"billing": "ledger_entries", "logging": "log_checks"}
"""What every transaction of the service's consumer writes."""
_MAKE: Final = f"""
CREATE OR REPLACE FUNCTION {{schema}}.held_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') LIKE TG_ARGV[0] THEN
        PERFORM pg_advisory_xact_lock_shared({_LOCK});
        IF TG_ARGV[1] <> '' THEN
            PERFORM set_config('idle_in_transaction_session_timeout', TG_ARGV[1], true);
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION {{schema}}.held_step() TO {{schema}};
"""


@asynccontextmanager
async def held(
    connection: asyncpg.Connection,
    table: str,
    service: str,
    *,
    schema: str = "billing",
    before: str = "INSERT OR UPDATE",
    then_idle: str = "",
) -> AsyncIterator[None]:
    """While it lasts, `service` waits before it writes a row of the schema's `table`.

    `service` is a pattern of LIKE, `before` says what of writing. `commit` in a table's place: it
    waits while it commits, and the commit goes on after that, whether anybody is there to hear of
    it or not. `then_idle` is for how long whoever was held may be idle in that transaction, in the
    place of its role's minute.
    """
    await connection.execute(_MAKE.format(schema=schema))
    await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
    on = f"{schema}.{_COMMITTED[schema] if table == _ON_COMMIT else table}"
    place = (
        f"CONSTRAINT TRIGGER held_step AFTER INSERT OR UPDATE ON {on} DEFERRABLE INITIALLY DEFERRED"
        if table == _ON_COMMIT
        else f"TRIGGER held_step BEFORE {before} ON {on}"
    )
    await connection.execute(
        f"CREATE {place} FOR EACH ROW EXECUTE FUNCTION"
        f" {schema}.held_step('{service}', '{then_idle}')"
    )
    try:
        yield
    finally:
        await let_go(connection)
        # Waits for whoever was held: what it began has then ended, one way or the other.
        await connection.execute(f"DROP TRIGGER held_step ON {on}")


async def let_go(connection: asyncpg.Connection) -> None:
    """Let whoever is held go on; also before `held` ends."""
    await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")


async def until_it_waits(connection: asyncpg.Connection) -> str:
    """Until a service is held; answers which."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            waiting: str | None = await connection.fetchval(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE locktype = 'advisory' AND objid = $1 AND NOT granted",
                _LOCK,
            )
            if waiting is not None:
                return waiting
            await asyncio.sleep(0.02)
