import asyncio
from typing import Any, Final

from services.control.state.state_keys import DIRECTORY, user_key
from tests.integration.control.conftest import Followed, Person, until

COLUMNS: Final = """
access_token aff_code aff_count aff_history aff_quota avatar_url created_at deleted_at
discord_id display_name email email_verified email_verify_expiry email_verify_token
failed_login_attempts full_name github_id group id inviter_id is_active last_login_at
last_login_ip linux_do_id locked_until mfa_backup_codes mfa_enabled mfa_secret
oauth_provider oauth_provider_id oidc_id password password_hash password_reset_expiry
password_reset_token preferences quota remark request_count role setting status
stripe_customer telegram_id timezone updated_at used_quota username wechat_id
"""
SECRET: Final = {
    *("password", "password_hash", "access_token", "mfa_secret", "mfa_backup_codes"),
    *("email_verify_token", "password_reset_token"),
}
OLD, NEW = "a user's password", "another password"


def _change(original: str, password: str = NEW, **more: Any) -> dict[str, Any]:
    return {"original_password": original, "password": password, **more}


async def test_every_column_of_the_sources_is_shown_or_is_a_secret(root: Person) -> None:
    columns = set(COLUMNS.split())
    me = await root.do("GET", "/api/user/self")
    assert columns - me.keys() == {*SECRET, "remark"}, "what admins note, they alone see"
    assert columns - (await root.do("GET", f"/api/user/{me['id']}")).keys() == SECRET


async def test_a_users_quota_is_what_the_ledger_has_told(root: Person, user: Person) -> None:
    before = await user.do("GET", "/api/user/self")
    assert (before["quota"], before["quota_as_of"]) == (0, None)
    await root.control.rows(
        "INSERT INTO balances (workspace_id, quota_units, used_units, request_count,"
        " last_entry_id, as_of) VALUES ($1, 500, 70, 3, 9, '2026-01-02T03:04:05Z')",
        before["workspace_id"],
    )
    found = (await root.do("GET", "/api/user/?username=ada"))["items"][0]
    again = await root.control.log_in("ada", OLD)
    for me in (await user.do("GET", "/api/user/self"), found, again.login):
        assert (me["quota"], me["used_quota"], me["request_count"]) == (500, 70, 3)
        assert me["quota_as_of"] == 1767323045


async def test_a_profile_is_changed_by_its_owner(user: Person, topics: Followed) -> None:
    profile = {
        "display_name": "Ada L.",
        "email": "ada@example.com",
        "avatar_url": "https://example.com/ada.png",
        "timezone": "Europe/London",
        "preferences": {"theme": "dark", "columns": [1, 2]},
        "setting": '{"notify_type": "email"}',
    }
    # A tool sends the whole form; what is not one's own to set is not looked at.
    form = {**profile, "role": 100, "group": "vip", "quota": 10**9, "status": 2, "password": ""}
    me = await user.do("PUT", "/api/user/self", {**form, "original_password": ""})
    assert {name: me[name] for name in profile} == profile
    assert (me["role"], me["group"], me["status"], me["full_name"]) == (1, "default", 1, "Ada L.")
    assert me["email_verified"] is False
    key = user_key(me["id"])
    await until(lambda: b'"display_name":"Ada L."' in topics.value(DIRECTORY, key))
    assert b"example.com" not in topics.value(DIRECTORY, key)
    assert (await user.do("PUT", "/api/user/self", {"email": ""}))["email"] == ""
    assert await user.refused("PUT", "/api/user/self", {}) == "nothing to change"


async def test_a_new_password_ends_all_sessions_but_this_one(user: Person) -> None:
    control = user.control
    others = [await control.log_in("ada", OLD) for _ in range(2)]
    token = await user.do("GET", "/api/user/token")
    await user.do("PUT", "/api/user/self", _change(OLD))
    assert await control.assertion("session", user.session) is not None
    assert await control.assertion("access_token", token) is not None
    for other in others:
        assert await control.assertion("session", other.session) is None
        body = {"refresh_token": other.login["refresh_token"]}
        assert (await control.send("POST", "/api/user/refresh", body))[0] == 401
    body = {"refresh_token": user.login["refresh_token"]}
    assert (await control.send("POST", "/api/user/refresh", body))[0] == 200
    assert (await control.guess("ada", OLD))[1]["success"] is False
    await control.log_in("ada", NEW)
    reasons = await control.rows("SELECT DISTINCT revoked_reason FROM sessions")
    assert {row["revoked_reason"] for row in reasons} == {None, "password_changed"}


async def test_a_new_password_needs_the_old_one(user: Person) -> None:
    assert "wrong" in await user.refused("PUT", "/api/user/self", _change("not it"))
    missing = await user.refused("PUT", "/api/user/self", {"password": NEW})
    assert "original_password" in missing
    short = await user.refused("PUT", "/api/user/self", _change(OLD, "short"))
    assert "password" in short
    unchanged = _change("not it", display_name="not set")
    await user.refused("PUT", "/api/user/self", unchanged)
    assert (await user.do("GET", "/api/user/self"))["display_name"] == ""
    await user.control.log_in("ada", OLD)


async def test_guesses_with_a_stolen_session_are_bounded_too(user: Person) -> None:
    answers = await asyncio.gather(
        *(user.send("PUT", "/api/user/self", _change(f"guess {n}")) for n in range(30))
    )
    assert sum(status == 200 for status, _ in answers) == 5
    assert sum(status == 429 for status, _ in answers) == 25
    assert (await user.control.guess("ada", OLD))[0] == 429


async def test_of_two_changes_at_once_one_wins(user: Person) -> None:
    passwords = ["the first password", "the second password"]
    answers = await asyncio.gather(
        *(user.send("PUT", "/api/user/self", _change(OLD, password)) for password in passwords)
    )
    assert sorted(answer["success"] for _, answer in answers) == [False, True]
    winner = passwords[[answer["success"] for _, answer in answers].index(True)]
    await user.control.log_in("ada", winner)


async def test_no_password_is_kept_or_told(user: Person) -> None:
    await user.do("PUT", "/api/user/self", _change(OLD))
    names = await user.control.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'control'"
    )
    kept = [
        await user.control.rows(f"SELECT t::text FROM {row['table_name']} AS t") for row in names
    ]
    assert "ada" in str(kept)
    for password in (OLD, NEW):
        assert password not in str(kept)
        assert password.encode().hex() not in str(kept)


async def test_a_session_that_begins_while_the_password_changes_does_not_outlive_it(
    user: Person,
) -> None:
    control = user.control
    change = user.send("PUT", "/api/user/self", _change(OLD))
    logins = [control.guess("ada", OLD) for _ in range(3)]
    _, *answers = await asyncio.gather(change, *logins)
    for _, answer in answers:
        if answer["success"]:
            assert await control.assertion("session", answer["data"]["session_token"]) is None
