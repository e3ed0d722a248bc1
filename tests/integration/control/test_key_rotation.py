"""A new secret for a key, and the old one's period of grace."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from services.control.state.state_keys import KEYS
from services.control.sweep import sweep
from shared.events.keys import KeyChanged
from shared.events.routing import Status
from shared.postgres.retrying import in_transaction
from tests.integration.control.conftest import Followed, Person, until
from tests.integration.control.test_keys import _hash


def _told(topics: Followed, key: str) -> KeyChanged | None:
    value = topics.value(KEYS, _hash(key))
    return KeyChanged.model_validate_json(value) if value else None


def _is_told(topics: Followed, key: str, **fields: Any) -> bool:
    told = _told(topics, key)
    return told is not None and all(getattr(told, name) == v for name, v in fields.items())


async def _rotated(user: Person, key_id: int, grace_s: int) -> str:
    made = await user.do("POST", f"/api/token/{key_id}/rotate", {"grace_s": grace_s})
    return str(made["key"])


async def test_both_secrets_are_the_same_key_until_the_grace_ends(
    user: Person, topics: Followed
) -> None:
    made = await user.do("POST", "/api/token/", {"name": "k", "expired_time": 4102444800})
    old = made["key"]
    before = datetime.now(UTC)
    new = await _rotated(user, made["id"], 60)
    assert new[3:] != old[3:]
    await until(lambda: _told(topics, new) and _told(topics, old))
    of_new, of_old = _told(topics, new), _told(topics, old)
    assert of_new is not None
    assert of_old is not None
    assert of_new.key_id == of_old.key_id == made["id"]
    await until(lambda: getattr(_told(topics, old), "expires_at", None) != of_new.expires_at)
    of_old = _told(topics, old)
    assert of_old is not None
    assert of_old.status is Status.ENABLED
    assert of_old.expires_at is not None
    assert timedelta(0) <= of_old.expires_at - before - timedelta(seconds=60) < timedelta(seconds=5)
    row = await user.do("GET", f"/api/token/{made['id']}")
    assert row["key"] == f"{new[:7]}**********"
    assert row["former_key_valid_until"] == int(of_old.expires_at.timestamp())
    for key in (old, new):
        assert await user.control.assertion("key", key) is not None
    # What is changed meanwhile holds for both.
    await user.do("PUT", "/api/token/?status_only=1", {"id": made["id"], "status": 2})
    for key in (old, new):
        await until(partial(_is_told, topics, key, status=Status.DISABLED))


async def test_without_grace_the_old_secret_ends_whatever_the_relays_clock_says(
    user: Person, topics: Followed
) -> None:
    made = await user.do("POST", "/api/token/", {"name": "leaked"})
    new = await _rotated(user, made["id"], 0)
    await until(partial(_is_told, topics, made["key"], status=Status.EXPIRED))
    assert await user.control.assertion("key", made["key"]) is None
    assert await user.control.assertion("key", new) is not None
    assert (await user.do("GET", f"/api/token/{made['id']}"))["former_key_valid_until"] == -1


async def test_the_keys_own_expiry_comes_before_the_end_of_the_grace(
    user: Person, topics: Followed
) -> None:
    soon = int(datetime.now(UTC).timestamp()) + 30
    made = await user.do("POST", "/api/token/", {"name": "k", "expired_time": soon})
    new = await _rotated(user, made["id"], 3600)
    await until(lambda: _told(topics, new))
    for key in (made["key"], new):
        told = _told(topics, key)
        assert told is not None
        assert told.expires_at == datetime.fromtimestamp(soon, UTC)


async def test_rotating_again_ends_the_older_ones(user: Person, topics: Followed) -> None:
    made = await user.do("POST", "/api/token/", {"name": "k"})
    second = await _rotated(user, made["id"], 3600)
    third = await _rotated(user, made["id"], 3600)
    await until(partial(_is_told, topics, made["key"], status=Status.EXPIRED))
    await until(lambda: getattr(_told(topics, second), "expires_at", None) is not None)
    valid = [await user.control.assertion("key", k) is not None for k in (second, third)]
    assert valid == [True, True]
    assert await user.control.assertion("key", made["key"]) is None


async def test_deleting_ends_all_secrets(user: Person, topics: Followed) -> None:
    made = await user.do("POST", "/api/token/", {"name": "k"})
    new = await _rotated(user, made["id"], 3600)
    await user.do("DELETE", f"/api/token/{made['id']}")
    for key in (made["key"], new):
        await until(partial(_is_told, topics, key, is_deleted=True))
        assert await user.control.assertion("key", key) is None


async def test_the_grace_is_bounded(user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "k"})
    path = f"/api/token/{made['id']}/rotate"
    for grace_s in (-1, 7 * 24 * 3600 + 1, "soon"):
        assert "grace_s" in await user.refused("POST", path, {"grace_s": grace_s})
    assert await user.control.assertion("key", made["key"]) is not None


async def test_a_secret_whose_grace_ended_long_ago_is_forgotten(
    user: Person, topics: Followed
) -> None:
    made = await user.do("POST", "/api/token/", {"name": "k"})
    new = await _rotated(user, made["id"], 0)
    await until(lambda: _told(topics, new))
    await user.control.rows(
        "UPDATE token_secrets SET valid_until = now() - interval '31 days'"
        " WHERE valid_until IS NOT NULL"
    )
    async with asyncpg.create_pool(user.control.database.dsn("control"), min_size=1) as pool:
        assert await in_transaction(pool, sweep) == 1
    await until(lambda: topics.newest[KEYS, _hash(made["key"])].value is None)
    assert await user.control.assertion("key", new) is not None
