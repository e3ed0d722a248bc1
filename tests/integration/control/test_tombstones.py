import asyncpg

from services.control.state.state_keys import DIRECTORY, KEYS, ROUTING, channel_key, listed_key
from services.control.sweep import sweep
from shared.postgres.retrying import in_transaction
from tests.integration.control.conftest import Followed, Person, until
from tests.integration.control.test_channels import CHANNEL
from tests.integration.control.test_keys import _hash


async def test_what_was_deleted_30_days_ago_is_forgotten(root: Person, topics: Followed) -> None:
    control = root.control
    old, young = [await root.do("POST", "/api/token/", {"name": "x"}) for _ in range(2)]
    channel = await root.do("POST", "/api/channel/", CHANNEL)
    await root.do("DELETE", f"/api/token/{old['id']}")
    await root.do("DELETE", f"/api/token/{young['id']}")
    await root.do("DELETE", f"/api/channel/{channel['id']}")
    await root.do("DELETE", "/api/models/o3")
    for table, where in (("tokens", f"id = {old['id']}"), ("channels", "true"), ("models", "true")):
        await control.rows(
            f"UPDATE {table} SET deleted_at = now() - interval '31 days'"
            f" WHERE {where} AND deleted_at IS NOT NULL"
        )
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        assert await in_transaction(pool, sweep) == 1
        assert await in_transaction(pool, sweep) == 0
    forgotten = {
        (KEYS, _hash(old["key"])),
        (DIRECTORY, listed_key(old["id"])),
        (ROUTING, channel_key(channel["id"])),
        (ROUTING, "model:o3"),
    }

    def tombstones() -> set[tuple[str, str]]:
        return {key for key, record in topics.newest.items() if record.value is None}

    await until(lambda: forgotten <= tombstones())
    assert b'"is_deleted":true' in topics.value(KEYS, _hash(young["key"]))
    assert len(await control.rows("SELECT FROM tokens")) == 1
