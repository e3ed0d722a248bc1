"""A workspace's own limits: rows that its owner sets and every relay is told of."""

from typing import Any

from services.control.offering.workspace_limits import MAX_LIMITS
from services.control.state.state_keys import ROUTING, limit_key
from shared.events.limits import LimitChanged, RateLimitStrategy
from tests.integration.control.conftest import Followed, Person, until

LIMITS = "/api/workspace/limits/"
LIMIT: dict[str, Any] = {
    "name": "embeddings",
    "description": "not all at once",
    "path_pattern": "/v1/embeddings",
    "method": "post",
    "requests": 10,
    "timeout_ms": 60_000,
    "strategy": "TOKEN_BUCKET",
    "bucket_size": 20,
    "refill_rate": 0.5,
    "priority": 5,
}


async def test_a_limit_is_told_changed_and_deleted(user: Person, topics: Followed) -> None:
    made = await user.do("POST", LIMITS, LIMIT)
    key = limit_key(made["id"])
    assert made == {
        **LIMIT,
        "method": "POST",
        "slope": None,
        "is_active": True,
        **{name: made[name] for name in ("id", "workspace_id", "created_at", "updated_at")},
    }
    await until(lambda: topics.value(ROUTING, key))
    told = LimitChanged.model_validate_json(topics.value(ROUTING, key))
    assert (told.path_pattern, told.method, told.window_ms) == ("/v1/embeddings", "POST", 60_000)
    assert (told.requests, told.bucket_size, float(told.refill_rate or 0)) == (10, 20, 0.5)
    assert told.strategy is RateLimitStrategy.TOKEN_BUCKET
    assert told.workspace_id == made["workspace_id"]
    # The whole row, as tools send it back, with one change.
    changed = await user.do("PUT", LIMITS, {**made, "is_active": False})
    assert changed == {**made, "is_active": False, "updated_at": changed["updated_at"]}
    await until(lambda: b'"is_active":false' in topics.value(ROUTING, key))
    other = await user.do("POST", LIMITS, {**LIMIT, "name": "all", "priority": 9})
    assert [each["id"] for each in (await user.do("GET", LIMITS))["items"]] == [
        other["id"],
        made["id"],
    ]
    await user.do("DELETE", f"{LIMITS}{made['id']}")
    await until(lambda: b'"is_deleted":true' in topics.value(ROUTING, key))
    assert await user.refused("GET", f"{LIMITS}{made['id']}") == "limit not found"


async def test_the_least_that_is_needed(user: Person) -> None:
    made = await user.do("POST", LIMITS, {"name": "x", "requests": 0, "timeout_ms": 1})
    assert (made["path_pattern"], made["method"], made["strategy"]) == ("*", "*", "SLIDING_WINDOW")
    assert await user.do("GET", f"{LIMITS}{made['id']}") == made


WRONG: tuple[dict[str, Any], ...] = (
    {"requests": -1},
    {"requests": None},
    {"timeout_ms": 0},
    {"timeout_ms": 24 * 60 * 60 * 1000 + 1},
    {"strategy": "sliding"},
    {"bucket_size": 0},
    {"refill_rate": 0},
    {"refill_rate": -1},
    {"slope": 0},
    {"slope": "1e-12"},
    {"path_pattern": "v1/embeddings"},
    {"path_pattern": "/v1/\n"},
    {"path_pattern": ""},
    {"method": "BREW"},
    {"priority": 10**7},
    {"name": ""},
)


async def test_a_limit_out_of_bounds_is_refused(user: Person) -> None:
    for wrong in WRONG:
        complaint = await user.refused("POST", LIMITS, {**LIMIT, **wrong})
        assert next(iter(wrong)) in complaint
    longest = {"requests": 10**9, "timeout_ms": 24 * 60 * 60 * 1000, "path_pattern": "/v1/*"}
    await user.do("POST", LIMITS, {**LIMIT, **longest})
    assert (await user.do("GET", LIMITS))["total"] == 1


async def test_limits_are_their_workspaces_alone(root: Person, user: Person) -> None:
    made = await user.do("POST", LIMITS, LIMIT)
    workspace_id = made["workspace_id"]
    await root.do("POST", "/api/user/", {"username": "bob", "password": "bob's password"})
    bob = await root.control.log_in("bob", "bob's password")
    of_user = f"?workspace_id={workspace_id}"
    assert (await bob.do("GET", LIMITS))["items"] == []
    assert await bob.refused("PUT", LIMITS, {"id": made["id"], "requests": 1}) == "limit not found"
    for method, path in (
        ("GET", LIMITS),
        ("POST", LIMITS),
        ("GET", f"{LIMITS}{made['id']}"),
        ("PUT", f"{LIMITS}{made['id']}"),
        ("DELETE", f"{LIMITS}{made['id']}"),
    ):
        assert await bob.refused(method, path + of_user, LIMIT) == "workspace not found"
    assert (await root.do("GET", LIMITS + of_user))["items"] == [made]
    changed = await root.do("PUT", f"{LIMITS}{made['id']}{of_user}", {"requests": 3})
    assert changed["requests"] == 3
    assert await root.refused("GET", f"{LIMITS}?workspace_id=99") == "workspace not found"


async def test_members_see_limits_and_owners_set_them(root: Person, user: Person) -> None:
    made = await user.do("POST", LIMITS, LIMIT)
    await root.do("POST", "/api/user/", {"username": "bob", "password": "bob's password"})
    bob = await root.control.log_in("bob", "bob's password")
    bob_id = (await bob.do("GET", "/api/user/self"))["id"]
    await root.control.rows(
        "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'DEVELOPER')",
        made["workspace_id"],
        bob_id,
    )
    path = f"{LIMITS}{made['id']}?workspace_id={made['workspace_id']}"
    assert await bob.do("GET", path) == made
    assert (await bob.send("DELETE", path))[0] == 403


async def test_a_workspace_has_no_more_than_a_relay_can_look_at(user: Person) -> None:
    await user.control.rows(
        "INSERT INTO rate_limits (workspace_id, name, description, path_pattern, method, requests,"
        " timeout_ms, strategy, priority, is_active)"
        " SELECT w.id, 'x', '', '*', '*', 1, 1, 'FIXED_WINDOW', 0, true"
        " FROM generate_series(1, $1) CROSS JOIN"
        " (SELECT personal_workspace_id AS id FROM users WHERE username = 'ada') AS w",
        MAX_LIMITS,
    )
    assert f"{MAX_LIMITS} limits" in await user.refused("POST", LIMITS, LIMIT)
