"""What admins do to users."""

from services.control.state.state_keys import DIRECTORY, KEYS, listed_key, user_key
from tests.integration.control.conftest import ROOT, Followed, Person, until
from tests.integration.control.test_keys import _hash
from tests.integration.control.test_people import PASSWORD, _made


async def test_users_are_found_by_what_is_known_of_them(root: Person) -> None:
    await root.do("POST", "/api/group/", {"name": "vip"})
    for username, more in (
        ("ada", {"email": "Countess@example.com", "group": "vip"}),
        ("grace", {"display_name": "Rear Admiral", "role": 10}),
        ("alan", {"remark": "100%_sure"}),
    ):
        await root.do("POST", "/api/user/", {"username": username, "password": PASSWORD, **more})
    alan = (await root.do("GET", "/api/user/?username=ALAN"))["items"][0]
    await root.do("PUT", f"/api/user/{alan['id']}", {"status": 2})
    for query, found in (
        ("keyword=AD", ["grace", "ada"]),
        ("keyword=countess", ["ada"]),
        ("keyword=admiral", ["grace"]),
        (f"keyword={alan['id']}", ["alan"]),
        ("keyword=%25", []),
        ("keyword=_", []),
        ("keyword=99999999999999999999999", []),
        ("username=ad", []),
        ("group=vip", ["ada"]),
        ("status=2", ["alan"]),
        ("role=10", ["grace"]),
        ("role=10&status=2", []),
        ("keyword=a&page_size=1&p=2", ["grace"]),
    ):
        page = await root.do("GET", f"/api/user/search?{query}")
        assert [item["username"] for item in page["items"]] == found, query
        if "page_size" not in query:
            assert page["total"] == len(found)
    assert alan["remark"] == "100%_sure"
    assert "status" in await root.refused("GET", "/api/user/?status=9")


async def test_an_admins_new_password_for_a_user_ends_everything(
    root: Person, user: Person
) -> None:
    control = root.control
    token = await user.do("GET", "/api/user/token")
    for _ in range(5):
        await control.guess("ada", "wrong")
    path = f"/api/user/{user.login['id']}"
    changed = await root.do("PUT", path, {"password": "made by an admin", "remark": "was stolen"})
    assert (changed["remark"], changed["locked_until"]) == ("was stolen", None)
    assert await control.assertion("session", user.session) is None
    assert await control.assertion("access_token", token) is None
    body = {"refresh_token": user.login["refresh_token"]}
    assert (await control.send("POST", "/api/user/refresh", body))[0] == 401
    await control.log_in("ada", "made by an admin")


async def test_root_is_changed_by_root_alone_and_never_demoted(root: Person) -> None:
    admin = await _made(root, username="grace", role=10)
    path = f"/api/user/{root.login['id']}"
    for body in (
        {"display_name": "x"},
        {"password": PASSWORD},
        {"status": 2},
        {"group": "default"},
    ):
        assert (await admin.send("PUT", path, body))[0] == 403
    assert (await admin.send("DELETE", path))[0] == 403
    assert (await admin.send("POST", f"{path}/unlock"))[0] == 403
    assert (await root.do("PUT", path, {"display_name": "The Root"}))["display_name"] == "The Root"
    for body in ({"role": 10}, {"status": 2}, {"password": PASSWORD}):
        assert (await root.send("PUT", path, body))[0] == 403
    assert (await root.send("DELETE", path))[0] == 403
    await root.control.log_in(*ROOT)


async def test_a_deleted_user_is_gone_from_everything_but_the_records(
    root: Person, user: Person, topics: Followed
) -> None:
    control = root.control
    user_id = user.login["id"]
    token = await user.do("GET", "/api/user/token")
    key = await user.do("POST", "/api/token/", {"name": "mine"})
    await root.do("DELETE", f"/api/user/{user_id}")
    for kind, value in (("session", user.session), ("access_token", token), ("key", key["key"])):
        assert await control.assertion(kind, value) is None
    body = {"refresh_token": user.login["refresh_token"]}
    assert (await control.send("POST", "/api/user/refresh", body))[0] == 401
    _, answer = await control.guess("ada", "a user's password")
    assert answer == {"success": False, "message": "wrong username or password"}
    await until(lambda: b'"is_deleted":true' in topics.value(DIRECTORY, user_key(user_id)))
    await until(lambda: b'"is_deleted":true' in topics.value(KEYS, _hash(key["key"])))
    await until(lambda: b'"is_deleted":true' in topics.value(DIRECTORY, listed_key(key["id"])))
    assert b'"status":2' in topics.value(DIRECTORY, user_key(user_id))
    assert await root.refused("GET", f"/api/user/{user_id}") == "user not found"
    assert await root.refused("DELETE", f"/api/user/{user_id}") == "user not found"
    assert await root.refused("PUT", f"/api/user/{user_id}", {"status": 1}) == "user not found"
    assert (await root.do("GET", "/api/user/"))["total"] == 1
    # Log rows are found by name: two people under one name could not be told apart.
    again = {"username": "Ada", "password": PASSWORD}
    assert await root.refused("POST", "/api/user/", again) == "the username is taken"
