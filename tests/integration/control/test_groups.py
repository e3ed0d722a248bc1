"""Groups: what they limit, who may choose them, and that none in use disappears."""

import asyncpg

from services.control.state.state_keys import ROUTING, group_key
from services.control.sweep import sweep
from shared.events.limits import RateLimitStrategy
from shared.events.routing import GroupChanged, Status
from shared.postgres.retrying import in_transaction
from tests.integration.control.conftest import Followed, Person, until


async def test_what_a_group_may_is_told_to_the_relay(root: Person, topics: Followed) -> None:
    body = {
        "name": "team a/b",
        "description": "for the many",
        "is_selectable": True,
        "limits": {"requests_per_minute": 600, "strategy": "LEAKY_BUCKET"},
        "member_limits": {"tokens_per_minute": 0},
    }
    made = await root.do("POST", "/api/group/", body)
    assert made["limits"]["requests_per_minute"] == 600
    key = group_key("team a/b")
    await until(lambda: topics.value(ROUTING, key))
    told = GroupChanged.model_validate_json(topics.value(ROUTING, key))
    assert told.is_selectable
    assert told.limits.requests_per_minute == 600
    assert told.limits.strategy is RateLimitStrategy.LEAKY_BUCKET
    assert (told.limits.tokens_per_minute, told.member_limits.tokens_per_minute) == (None, 0)
    changed = await root.do("PUT", "/api/group/team%20a/b", {"status": 2, "limits": None})
    assert changed["limits"]["requests_per_minute"] is None
    assert changed["member_limits"]["tokens_per_minute"] == 0
    await until(lambda: b'"status":2' in topics.value(ROUTING, key))
    assert GroupChanged.model_validate_json(topics.value(ROUTING, key)).status is Status.DISABLED
    assert await root.do("GET", "/api/group/") == ["default", "team a/b"]
    page = await root.do("GET", "/api/group/?details=true")
    assert [group["name"] for group in page["items"]] == ["default", "team a/b"]
    assert await root.do("GET", "/api/group/team%20a/b") == page["items"][1] == changed


async def test_a_key_has_its_users_group_or_one_that_may_be_chosen(
    root: Person, user: Person
) -> None:
    await root.do("POST", "/api/group/", {"name": "vip", "description": "dear"})
    body = {"name": "k", "group": "vip"}
    assert "one that may be chosen" in await user.refused("POST", "/api/token/", body)
    assert "one that may be chosen" in await user.refused(
        "POST", "/api/token/", {"name": "k", "group": "nowhere"}
    )
    assert (await root.do("POST", "/api/token/", body))["group"] == "vip"
    own = await user.do("POST", "/api/token/", {"name": "own", "group": "default"})
    assert own["group"] == ""
    assert await user.do("GET", "/api/user/groups") == {"default": {"desc": ""}}
    await root.do("PUT", "/api/group/", {"name": "vip", "is_selectable": True})
    assert set(await user.do("GET", "/api/user/self/groups")) == {"default", "vip"}
    chosen = await user.do("POST", "/api/token/", body)
    assert chosen["group"] == "vip"
    # It keeps what it chose, also where the whole row is sent back after that.
    await root.do("PUT", "/api/group/", {"name": "vip", "is_selectable": False})
    again = await user.do("PUT", "/api/token/", {**chosen, "name": "renamed"})
    assert (again["name"], again["group"]) == ("renamed", "vip")


async def test_a_group_in_use_cannot_be_deleted(root: Person, user: Person) -> None:
    assert "new users get this group" in await root.refused("DELETE", "/api/group/default")
    await root.do("POST", "/api/group/", {"name": "vip", "is_selectable": True})
    key = await user.do("POST", "/api/token/", {"name": "k", "group": "vip"})
    assert await root.refused("DELETE", "/api/group/vip") == "the group is used by keys"
    await user.do("DELETE", f"/api/token/{key['id']}")
    user_id = key["user_id"]
    await root.do("PUT", f"/api/user/{user_id}", {"group": "vip"})
    await root.do("PUT", "/api/models/o3", {"groups": ["default", "vip"]})
    assert await root.refused("DELETE", "/api/group/vip") == "the group is used by users, models"
    await root.do("PUT", f"/api/user/{user_id}", {"group": "default"})
    await root.do("PUT", "/api/models/o3", {"groups": ["default"]})
    await root.do("DELETE", "/api/group/vip")
    assert await root.refused("DELETE", "/api/group/vip") == "group not found"
    assert "unknown groups: vip" in await root.refused(
        "PUT", f"/api/user/{user_id}", {"group": "vip"}
    )


async def test_a_deleted_group_is_told_and_then_forgotten(root: Person, topics: Followed) -> None:
    for name in ("gone", "again"):
        await root.do("POST", "/api/group/", {"name": name})
        await root.do("DELETE", f"/api/group/{name}")
    await until(lambda: b'"is_deleted":true' in topics.value(ROUTING, group_key("gone")))
    await root.do("POST", "/api/group/", {"name": "again", "description": "back"})
    control = root.control
    await control.rows(
        "UPDATE groups SET deleted_at = now() - interval '31 days' WHERE deleted_at IS NOT NULL"
    )
    async with asyncpg.create_pool(control.database.dsn("control"), min_size=1) as pool:
        await in_transaction(pool, sweep)
    await until(lambda: topics.newest[ROUTING, group_key("gone")].value is None)
    assert await root.do("GET", "/api/group/") == ["again", "default"]
    await until(lambda: b'"is_deleted":false' in topics.value(ROUTING, group_key("again")))


async def test_only_admins_manage_groups(user: Person) -> None:
    for method, path in (
        ("GET", "/api/group/"),
        ("POST", "/api/group/"),
        ("PUT", "/api/group/default"),
        ("DELETE", "/api/group/default"),
    ):
        status, _ = await user.send(method, path, {"name": "mine"})
        assert status == 403
