from typing import Any

from services.control.state.state_keys import DIRECTORY, user_key, workspace_key
from shared.events.directory import UserChanged, WorkspaceChanged
from tests.integration.control.conftest import Followed, Person, until

PASSWORD = "a long password"


async def _made(by: Person, **user: Any) -> Person:
    await by.do("POST", "/api/user/", {"password": PASSWORD, **user})
    return await by.control.log_in(user["username"], PASSWORD)


async def test_only_root_makes_admins_and_nobody_makes_a_root(root: Person) -> None:
    admin = await _made(root, username="grace", role=10)
    await _made(admin, username="alan")
    body = {"username": "eve", "password": PASSWORD}
    for person, role in ((admin, 10), (admin, 100), (root, 100)):
        status, answer = await person.send("POST", "/api/user/", {**body, "role": role})
        assert (status, answer["success"]) == (403, False)


async def test_a_user_may_do_nothing_that_an_admin_does(user: Person) -> None:
    for method, path in (
        ("GET", "/api/user/"),
        ("POST", "/api/user/"),
        ("PUT", "/api/user/"),
        ("GET", "/api/user/1"),
        ("GET", "/api/channel/"),
        ("POST", "/api/channel/"),
        ("GET", "/api/channel/1"),
        ("PUT", "/api/channel/1"),
        ("DELETE", "/api/channel/1"),
        ("GET", "/api/models/"),
        ("POST", "/api/models/"),
        ("PUT", "/api/models/gpt-4o"),
        ("DELETE", "/api/models/gpt-4o"),
        ("GET", "/api/group/"),
        ("POST", "/api/group/"),
        ("GET", "/api/user/search?keyword=a"),
        ("DELETE", "/api/user/1"),
        ("POST", "/api/user/1/unlock"),
        ("GET", "/api/provider/"),
        ("POST", "/api/provider/"),
        ("GET", "/api/provider/1"),
        ("PUT", "/api/provider/1"),
        ("DELETE", "/api/provider/1"),
    ):
        status, answer = await user.send(method, path, {"name": "x"} if method != "GET" else None)
        assert (status, answer["success"]) == (403, False), (method, path)


async def test_nobody_changes_an_equal_or_a_better(root: Person) -> None:
    admin = await _made(root, username="grace", role=10)
    other = await _made(root, username="alan", role=10)
    for target in (root, other, admin):
        body = {"id": target.login["id"], "status": 2}
        status, _ = await admin.send("PUT", "/api/user/", body)
        assert status == 403
    status, _ = await root.send("PUT", "/api/user/", {"id": root.login["id"], "status": 2})
    assert status == 403


async def test_a_disabled_user_is_out_at_once_and_is_told_so_on_the_topic(
    root: Person, user: Person, topics: Followed
) -> None:
    user_id = user.login["id"]
    token = await user.do("GET", "/api/user/token")
    key = (await user.do("POST", "/api/token/", {"name": "mine"}))["key"]
    answer = await root.do("PUT", f"/api/user/{user_id}", {"status": 2})
    assert answer["status"] == 2
    control = root.control
    assert await control.assertion("session", user.session) is None
    assert await control.assertion("access_token", token) is None
    assert await control.assertion("key", key) is None
    body = {"username": "ada", "password": "a user's password"}
    _, answer = await control.send("POST", "/api/user/login", body)
    assert answer == {"success": False, "message": "this user is disabled"}
    await until(lambda: b'"status":2' in topics.value(DIRECTORY, user_key(user_id)))
    await root.do("PUT", f"/api/user/{user_id}", {"status": 1})
    assert await control.assertion("session", user.session) is None
    assert await control.assertion("key", key) is not None


async def test_users_and_their_workspaces_are_on_the_topic(user: Person, topics: Followed) -> None:
    me = await user.do("GET", "/api/user/self")
    found = UserChanged.model_validate_json(topics.value(DIRECTORY, user_key(me["id"])))
    assert (found.username, found.group, found.role) == ("ada", "default", 1)
    workspace = topics.value(DIRECTORY, workspace_key(me["workspace_id"]))
    assert WorkspaceChanged.model_validate_json(workspace).owner_user_id == me["id"]
    assert found.personal_workspace_id == me["workspace_id"]


async def test_a_group_must_exist(root: Person, user: Person) -> None:
    body = {"id": user.login["id"], "group": "vip"}
    assert await root.refused("PUT", "/api/user/", body) == "unknown groups: vip"
    await root.do("POST", "/api/group/", {"name": "vip"})
    assert (await root.do("PUT", "/api/user/", body))["group"] == "vip"
    assert await root.do("GET", "/api/group") == ["default", "vip"]
    assert "there is a group" in await root.refused("POST", "/api/group/", {"name": "vip"})


async def test_the_list_of_users_is_paged(root: Person, user: Person) -> None:
    page = await root.do("GET", "/api/user/?p=2&page_size=1")
    assert (page["total"], page["page"], page["page_size"]) == (2, 2, 1)
    assert [item["username"] for item in page["items"]] == ["Root"]
    assert (await root.do("GET", "/api/user/?ps=5"))["page_size"] == 5
    assert "argon2" not in str(page)
    assert (await root.do("GET", f"/api/user/{user.login['id']}"))["username"] == "ada"
    assert await root.refused("GET", "/api/user/99999") == "user not found"
