import hashlib
import re
from typing import Any

from services.control.state_keys import DIRECTORY, KEYS, listed_key
from shared.events.keys import KeyChanged
from tests.integration.control.conftest import Followed, Person, until


def _hash(key: str) -> str:
    return hashlib.sha256(key.removeprefix("sk-").encode()).hexdigest()


async def test_a_key_is_shown_once_and_kept_as_a_hash(user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "mine"})
    key = made["key"]
    assert re.fullmatch(r"sk-[A-Za-z0-9]{48}", key)
    listed = (await user.do("GET", "/api/token/"))["items"]
    assert [item["key"] for item in listed] == [f"sk-{key[3:7]}**********"]
    assert listed[0] == await user.do("GET", f"/api/token/{made['id']}")
    kept = await user.control.rows("SELECT * FROM tokens")
    assert kept[0]["key_hash"].hex() == _hash(key)
    tables = [
        await user.control.rows(f"SELECT * FROM {table}")
        for table in ("tokens", "event_outbox", "state_outbox")
    ]
    assert key[3:] not in str(tables)


async def test_a_disabled_key_is_on_the_topic_at_once(user: Person, topics: Followed) -> None:
    made = await user.do("POST", "/api/token/", {"name": "mine"})
    key = _hash(made["key"])
    await until(lambda: b'"status":1' in topics.value(KEYS, key))
    assert await user.control.assertion("key", made["key"]) is not None
    body = {"id": made["id"], "status": 2, "name": "not looked at"}
    changed = await user.do("PUT", "/api/token/?status_only=true", body)
    assert (changed["status"], changed["name"]) == (2, "mine")
    took_s = await until(lambda: b'"status":2' in topics.value(KEYS, key))
    assert took_s < 1
    assert await user.control.assertion("key", made["key"]) is None


async def test_what_a_key_may_is_told_to_the_relay(user: Person, topics: Followed) -> None:
    body = {
        "name": "narrow",
        "expired_time": 4102444800,
        "model_limits_enabled": True,
        "model_limits": "gpt-4o, gpt-4.1,gpt-4o",
        "allow_ips": "10.0.0.1\n10.1.2.3/8\n\n::1",
        "remain_quota": 5,
    }
    made = await user.do("POST", "/api/token/", body)
    key = _hash(made["key"])
    await until(lambda: topics.value(KEYS, key))
    told = KeyChanged.model_validate_json(topics.value(KEYS, key))
    assert told.model_limits == ("gpt-4o", "gpt-4.1")
    assert told.allow_addresses == ("10.0.0.1", "10.0.0.0/8", "::1")
    assert told.expires_at is not None
    assert told.expires_at.timestamp() == 4102444800
    assert told.workspace_id == (await user.do("GET", "/api/user/self"))["workspace_id"]
    assert made["model_limits"] == "gpt-4o,gpt-4.1"
    never = await user.do("PUT", f"/api/token/{made['id']}", {"expired_time": -1})
    assert (never["expired_time"], never["model_limits"]) == (-1, "gpt-4o,gpt-4.1")
    await until(lambda: b'"expires_at":null' in topics.value(KEYS, key))


async def test_an_expired_key_still_says_who_calls(user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "old", "expired_time": 1})
    assert made["status"] == 3
    assertion = await user.control.assertion("key", made["key"])
    assert assertion is not None
    status, _ = await user.control.send("GET", "/api/token/", assertion=assertion)
    assert status == 403


async def test_a_deleted_key_is_told_as_deleted(user: Person, topics: Followed) -> None:
    made = await user.do("POST", "/api/token/", {"name": "gone"})
    await user.do("DELETE", f"/api/token/{made['id']}")
    assert await user.control.assertion("key", made["key"]) is None
    await until(lambda: b'"is_deleted":true' in topics.value(KEYS, _hash(made["key"])))
    await until(lambda: b'"is_deleted":true' in topics.value(DIRECTORY, listed_key(made["id"])))
    assert await user.refused("GET", f"/api/token/{made['id']}") == "token not found"
    assert await user.refused("DELETE", f"/api/token/{made['id']}") == "token not found"
    status, _ = await user.control.internal("GET", f"/internal/keys/{_hash(made['key'])}")
    assert status == 404


async def test_keys_are_their_users_alone(root: Person, user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "mine"})
    key_id = made["id"]
    assert (await root.do("GET", "/api/token/"))["items"] == []
    assert await root.refused("GET", f"/api/token/{key_id}") == "token not found"
    assert await root.refused("PUT", "/api/token/", {"id": key_id, "status": 2})
    assert await root.refused("DELETE", f"/api/token/{key_id}")
    assert (await user.do("GET", f"/api/token/{key_id}"))["status"] == 1


async def test_a_key_of_an_admin_is_no_admin(root: Person) -> None:
    made = await root.do("POST", "/api/token/", {"name": "root's"})
    assertion = await root.control.assertion("key", made["key"])
    for path in ("/api/user/", "/api/user/self", "/api/channel/", "/api/token/"):
        status, _ = await root.control.send("GET", path, assertion=assertion)
        assert status == 403


async def test_a_group_that_sets_another_price_is_an_admins_choice(
    root: Person, user: Person
) -> None:
    await root.do("POST", "/api/group/", {"name": "vip"})
    body = {"name": "cheap", "group": "vip"}
    assert "your own group" in await user.refused("POST", "/api/token/", body)
    assert (await root.do("POST", "/api/token/", body))["group"] == "vip"
    own = await user.do("POST", "/api/token/", {"name": "own", "group": "default"})
    assert own["group"] == ""


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": "x", "unlimited_quota": False}, "limits for keys are not available yet"),
    ({"name": "x", "project_id": 1}, "projects are not available yet"),
    ({"name": ""}, "name"),
    ({}, "name"),
    ({"name": "x", "allow_ips": "not an address"}, "one address or CIDR range a line"),
    ({"name": "x", "expired_time": 10**18}, "expired_time"),
    ({"name": "x", "status": 3}, "status"),
)


async def test_what_a_key_cannot_be(user: Person) -> None:
    for body, complaint in REFUSED:
        assert complaint in await user.refused("POST", "/api/token/", body), body
    assert (await user.do("GET", "/api/token/"))["total"] == 0


async def test_the_relay_asks_for_a_key_that_it_does_not_have(user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "new"})
    path = f"/internal/keys/{_hash(made['key'])}"
    status, answer = await user.control.internal("GET", path)
    assert status == 200
    assert answer["key"]["key_id"] == made["id"]
    assert answer["user"]["username"] == "ada"
    assert answer["workspace"]["workspace_id"] == answer["key"]["workspace_id"]
    assert (await user.control.internal("GET", f"/internal/keys/{'0' * 64}"))[0] == 404
    assert (await user.control.internal("GET", path, caller="billing"))[0] == 403
