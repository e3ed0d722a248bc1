from services.control.state.state_keys import DIRECTORY, project_key, workspace_key
from shared.events.directory import ProjectChanged, WorkspaceChanged
from tests.integration.control.conftest import Followed, Person, until

PROJECT = {
    "name": "Search",
    "description": "What answers\nquestions",
    "color": "#1a2b3c",
    "settings": {"env": "prod"},
}


async def test_a_project_is_made_changed_and_told(user: Person, topics: Followed) -> None:
    made = await user.do("POST", "/api/project/", PROJECT)
    assert {name: made[name] for name in PROJECT} == PROJECT
    me = await user.do("GET", "/api/user/self")
    assert made["workspace_id"] == me["workspace_id"]
    key = project_key(made["id"])
    await until(lambda: topics.value(DIRECTORY, key))
    told = ProjectChanged.model_validate_json(topics.value(DIRECTORY, key))
    assert (told.name, told.workspace_id, told.is_deleted) == (
        "Search",
        me["workspace_id"],
        False,
    )
    changed = await user.do("PUT", "/api/project/", {"id": made["id"], "name": "Find"})
    assert (changed["name"], changed["settings"]) == ("Find", PROJECT["settings"])
    await until(lambda: b'"name":"Find"' in topics.value(DIRECTORY, key))
    assert await user.do("GET", f"/api/project/{made['id']}") == changed
    assert await user.refused("PUT", f"/api/project/{made['id']}", {}) == "nothing to change"


async def test_a_deleted_project_is_told_and_its_name_is_free(
    user: Person, topics: Followed
) -> None:
    made = await user.do("POST", "/api/project/", PROJECT)
    taken = await user.refused("POST", "/api/project/", PROJECT)
    assert taken == "the workspace has a project of this name"
    await user.do("DELETE", f"/api/project/{made['id']}")
    key = project_key(made["id"])
    await until(lambda: b'"is_deleted":true' in topics.value(DIRECTORY, key))
    assert b'"name":"Search"' in topics.value(DIRECTORY, key), "keys go on under its name"
    assert await user.refused("GET", f"/api/project/{made['id']}") == "project not found"
    assert await user.refused("DELETE", f"/api/project/{made['id']}") == "project not found"
    other = await user.do("POST", "/api/project/", PROJECT)
    third = await user.do("POST", "/api/project/", {"name": "Third"})
    renamed = {"id": third["id"], "name": "Search"}
    assert await user.refused("PUT", "/api/project/", renamed) == taken
    page = await user.do("GET", "/api/project/?page_size=1")
    assert (page["total"], page["items"][0]["name"]) == (2, "Third")
    assert other["id"] != made["id"]


async def test_projects_are_their_workspaces_and_admins(root: Person, user: Person) -> None:
    theirs = await user.do("POST", "/api/project/", PROJECT)
    await root.do("POST", "/api/user/", {"username": "eve", "password": "eve's password"})
    eve = await root.control.log_in("eve", "eve's password")
    path = f"/api/project/{theirs['id']}"
    for method in ("GET", "PUT", "DELETE"):
        body = {"name": "mine now"} if method == "PUT" else None
        assert await eve.refused(method, path, body) == "project not found"
    into = {"name": "x", "workspace_id": theirs["workspace_id"]}
    assert await eve.refused("POST", "/api/project/", into) == "workspace not found"
    query = f"/api/project/?workspace_id={theirs['workspace_id']}"
    assert await eve.refused("GET", query) == "workspace not found"
    assert (await eve.do("GET", "/api/project/"))["total"] == 0
    await eve.do("POST", "/api/project/", PROJECT)  # a name is taken within a workspace only
    assert (await root.do("GET", "/api/project/"))["total"] == 0
    assert (await root.do("GET", query))["items"][0]["id"] == theirs["id"]
    assert (await root.do("PUT", path, {"color": ""}))["color"] == ""
    made = await root.do("POST", "/api/project/", into)
    assert made["workspace_id"] == theirs["workspace_id"]
    nowhere = {"name": "x", "workspace_id": 999}
    assert await root.refused("POST", "/api/project/", nowhere) == "workspace not found"


async def test_workspaces_are_listed_to_those_who_belong_to_them(
    root: Person, user: Person
) -> None:
    page = await user.do("GET", "/api/workspace/")
    (own,) = page["items"]
    assert (page["total"], own["role"], own["name"]) == (1, "OWNER", "ada")
    assert await user.do("GET", f"/api/workspace/{own['id']}") == own
    assert await root.refused("GET", f"/api/workspace/{own['id']}") == "workspace not found"


async def test_a_workspace_has_a_name_and_a_time_zone_that_its_owner_sets(
    root: Person, user: Person, topics: Followed
) -> None:
    (own,) = (await user.do("GET", "/api/workspace/"))["items"]
    path = f"/api/workspace/{own['id']}"
    assert own["settings"] == {"timezone": "UTC"}
    zone = {"settings": {"timezone": "Pacific/Apia"}}
    assert (await user.do("PUT", path, zone))["settings"] == {"timezone": "Pacific/Apia"}
    renamed = await user.do("PUT", "/api/workspace/", {"id": own["id"], "name": "Ada's"})
    assert (renamed["name"], renamed["settings"]) == ("Ada's", {"timezone": "Pacific/Apia"})
    assert await user.do("GET", path) == renamed
    key = workspace_key(own["id"])
    await until(lambda: b"Pacific/Apia" in topics.value(DIRECTORY, key))
    told = WorkspaceChanged.model_validate_json(topics.value(DIRECTORY, key))
    assert told.timezone == "Pacific/Apia"
    for unknown in ("Mars/Olympus", "localtime", "", "../etc/passwd"):
        body = {"settings": {"timezone": unknown}}
        assert "timezone" in await user.refused("PUT", path, body)
    assert await user.refused("PUT", path, {"settings": {}}) == "nothing to change"
    await root.do("POST", "/api/user/", {"username": "eve", "password": "a user's password"})
    eve = await root.control.log_in("eve", "a user's password")
    assert await eve.refused("PUT", path, zone) == "workspace not found"
    assert (await root.do("PUT", path, {"settings": {"timezone": "UTC"}}))["role"] == ""
    assert await root.refused("PUT", "/api/workspace/99999", zone) == "workspace not found"
