import hashlib
import re
from typing import Any
from urllib.parse import urlencode

from services.control.state.state_keys import DIRECTORY, KEYS, listed_key
from shared.events.directory import KeyListed
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
    kept = await user.control.rows("SELECT * FROM token_secrets")
    assert kept[0]["key_hash"].hex() == _hash(key)
    tables = [
        await user.control.rows(f"SELECT * FROM {table}")
        for table in ("tokens", "token_secrets", "event_outbox", "state_outbox")
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
    assert took_s < 1 + 4  # a second, and what a busy machine adds
    assert await user.control.assertion("key", made["key"]) is None


async def test_what_a_key_may_is_told_to_the_relay(user: Person, topics: Followed) -> None:
    body = {
        "name": "narrow",
        "expired_time": 4102444800,
        "model_limits_enabled": True,
        "model_limits": "gpt-4o, gpt-4.1,gpt-4o",
        "allow_ips": "10.0.0.1\n10.1.2.3/8\n\n::1",
        "cross_group_retry": True,
        "unlimited_quota": False,
        "remain_quota": 5,
        "limits": {"requests_per_minute": 60, "strategy": "TOKEN_BUCKET", "bucket_size": 9},
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
    assert (told.cross_group_retry, told.unlimited_quota) == (True, False)
    assert told.limits.requests_per_minute == 60
    assert told.limits.bucket_size == 9
    assert told.limits.tokens_per_minute is None
    await until(lambda: topics.value(DIRECTORY, listed_key(made["id"])))
    listed = KeyListed.model_validate_json(topics.value(DIRECTORY, listed_key(made["id"])))
    assert (listed.unlimited_quota, listed.remain_quota, listed.quota_version) == (False, 5, 1)
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


async def test_a_key_says_who_calls_from_its_addresses_only(user: Person) -> None:
    body = {"name": "here", "allow_ips": "192.0.2.0/24"}
    key = (await user.do("POST", "/api/token/", body))["key"]
    shown = {"credential": {"kind": "key", "value": key}, "audience": "logging"}
    for place, reason in (
        ({"client_address": "192.0.2.9"}, None),
        ({"client_address": "198.51.100.9"}, "address"),
        ({}, "address"),
    ):
        status, answer = await user.control.internal(
            "POST", "/internal/authenticate", {**shown, **place}
        )
        assert (status, answer.get("reason")) == (200, reason)
        assert (answer["assertion"] is None) is (reason is not None)


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
    await root.do("POST", "/api/user/", {"username": "bob", "password": "bob's password"})
    bob = await root.control.log_in("bob", "bob's password")
    made = await user.do("POST", "/api/token/", {"name": "mine"})
    key_id = made["id"]
    assert (await bob.do("GET", "/api/token/"))["items"] == []
    for method, path, body in (
        ("GET", f"/api/token/{key_id}", None),
        ("PUT", "/api/token/", {"id": key_id, "status": 2}),
        ("POST", f"/api/token/{key_id}/rotate", {}),
        ("DELETE", f"/api/token/{key_id}", None),
    ):
        assert await bob.refused(method, path, body) == "token not found"
    assert (await user.do("GET", f"/api/token/{key_id}"))["status"] == 1


async def test_an_admin_can_stop_a_key_of_anybody_below(root: Person, user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "theirs"})
    path = f"/api/token/{made['id']}"
    assert (await root.do("GET", "/api/token/"))["items"] == [], "the list is one's own"
    assert "*" in (await root.do("GET", path))["key"]
    assert (await root.do("PUT", f"{path}?status_only=1", {"status": 2}))["status"] == 2
    assert (await user.do("GET", path))["status"] == 2
    assert await root.refused("DELETE", path) == "token not found"
    assert await root.refused("POST", f"{path}/rotate", {}) == "token not found"
    roots = await root.do("POST", "/api/token/", {"name": "root's"})
    body = {"username": "adm", "password": "an admin's password", "role": 10}
    await root.do("POST", "/api/user/", body)
    admin = await root.control.log_in("adm", "an admin's password")
    assert await admin.refused("PUT", f"/api/token/{roots['id']}", {"status": 2})


async def test_a_key_of_an_admin_is_no_admin(root: Person) -> None:
    made = await root.do("POST", "/api/token/", {"name": "root's"})
    assertion = await root.control.assertion("key", made["key"])
    for path in ("/api/user/", "/api/user/self", "/api/channel/", "/api/token/"):
        status, _ = await root.control.send("GET", path, assertion=assertion)
        assert status == 403


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": "x", "remain_quota": -1}, "remain_quota"),
    ({"name": "x", "remain_quota": 10**15 + 1}, "remain_quota"),
    ({"name": "x", "project_id": 1}, "project not found"),
    ({"name": "x", "limits": {"requests_per_minute": -1}}, "requests_per_minute"),
    ({"name": "x", "limits": {"strategy": "GUESSING"}}, "strategy"),
    ({"name": "x", "limits": {"bucket_size": 0}}, "bucket_size"),
    ({"name": "x", "model_limits": "m" * 129}, "name is too long"),
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


async def test_every_column_of_the_source_can_be_read(user: Person) -> None:
    made = await user.do("POST", "/api/token/", {"name": "whole"})
    assert set(await user.do("GET", f"/api/token/{made['id']}")) >= {
        *("id", "user_id", "key", "status", "name", "created_time", "accessed_time"),
        *("expired_time", "remain_quota", "unlimited_quota", "model_limits_enabled"),
        *("model_limits", "allow_ips", "used_quota", "group", "cross_group_retry", "deleted_at"),
    }


async def test_a_whole_row_may_be_sent_back(user: Person) -> None:
    """As tools do: with what was masked, with what cannot be set, and with fields of no meaning."""
    body = {"name": "spent", "remain_quota": 0, "limits": {"concurrent_requests": 2}}
    made = await user.do("POST", "/api/token/", body)
    assert made["status"] == 4
    row = await user.do("GET", f"/api/token/{made['id']}")
    again = await user.do("PUT", "/api/token/", {**row, "name": "spent twice", "extra": [1]})
    assert again == {**row, "name": "spent twice"}
    complaint = await user.refused("PUT", "/api/token/?status_only=1", row)
    assert "1 (enabled) or 2" in complaint


async def test_keys_are_found_by_name_and_by_themselves(user: Person) -> None:
    laptop, server = [
        await user.do("POST", "/api/token/", {"name": name}) for name in ("Laptop %", "server")
    ]

    async def found(**query: str) -> list[int]:
        page = await user.do("GET", f"/api/token/search?{urlencode(query)}")
        assert page["total"] == len(page["items"])
        return [item["id"] for item in page["items"]]

    assert await found(keyword="LAP") == [laptop["id"]]
    assert await found(keyword="%") == [laptop["id"]]
    assert await found(keyword="_") == []
    assert await found(token=server["key"]) == [server["id"]]
    assert await found(token=server["key"][3:]) == [server["id"]]
    assert server["id"] in await found(token=server["key"][:7])
    assert await found(token="sk-" + "x" * 48) == []
    assert await found() == [server["id"], laptop["id"]]


async def test_a_key_may_be_of_a_project_of_its_workspace(
    root: Person, user: Person, topics: Followed
) -> None:
    project = await user.do("POST", "/api/project/", {"name": "web"})
    others = await root.do("POST", "/api/project/", {"name": "other"})
    body = {"name": "k", "project_id": project["id"]}
    made = await user.do("POST", "/api/token/", body)
    assert made["project_id"] == project["id"]
    key = _hash(made["key"])
    told = f'"project_id":{project["id"]},'.encode()
    await until(lambda: told in topics.value(KEYS, key))
    await until(lambda: told in topics.value(DIRECTORY, listed_key(made["id"])))
    foreign = {"id": made["id"], "project_id": others["id"]}
    assert await user.refused("PUT", "/api/token/", foreign) == "project not found"
    # A row that names a project which was deleted meanwhile can be sent back.
    await user.do("DELETE", f"/api/project/{project['id']}")
    assert await user.refused("POST", "/api/token/", body) == "project not found"
    again = await user.do("PUT", "/api/token/", {**made, "name": "renamed"})
    assert (again["name"], again["project_id"]) == ("renamed", project["id"])
    assert (await user.do("PUT", "/api/token/", {**again, "project_id": None}))[
        "project_id"
    ] is None
    await until(lambda: b'"project_id":null' in topics.value(KEYS, key))
