import asyncio

from shared.events.audit import ActionTaken
from tests.integration.control.conftest import ROOT, Control, Person, follow, until

WRONG = "a wrong password"
REFUSED = {"success": False, "message": "wrong username or password"}
LIMIT = 5


async def _unlocked_by_time(control: Control) -> None:
    await control.rows("UPDATE login_failures SET locked_until = now() - interval '1 second'")


async def test_a_hundred_guesses_at_once_are_five(root: Person, user: Person) -> None:
    """An attempt is counted before its password is looked at: the limit is not exceeded at all."""
    control = root.control
    before = await control.metric('ledgerline_control_logins_total{result="refused"}')
    answers = await asyncio.gather(*(control.guess("ada", WRONG) for _ in range(100)))
    looked_at = [answer for status, answer in answers if status == 200]
    assert looked_at == [REFUSED] * LIMIT
    turned_away = [answer["message"] for status, answer in answers if status == 429]
    assert len(turned_away) == 95
    assert {message.partition(";")[0] for message in turned_away} == {"too many failed attempts"}
    after = await control.metric('ledgerline_control_logins_total{result="refused"}')
    assert after - before == LIMIT
    assert await control.metric('ledgerline_control_logins_total{result="locked"}') == 95
    assert await control.metric("ledgerline_control_lockouts_total") == 1
    status, _ = await control.guess("ada", "a user's password")
    assert status == 429, "the right one neither, as long as it is locked"
    assert await control.assertion("session", user.session) is not None, "sessions go on"


async def test_names_that_nobody_has_are_answered_alike(user: Person) -> None:
    control = user.control
    told: list[list[tuple[int, str, str | None]]] = []
    for name in ("ada", "nobody"):
        answers = []
        for _ in range(LIMIT + 2):
            status, answer = await control.guess(name, WRONG)
            answers.append((status, answer["message"], control.headers.get("Retry-After")))
        told.append(answers)
    assert told[0] == told[1]
    assert [status for status, _, _ in told[0]] == [200] * LIMIT + [429] * 2
    assert told[0][-1][2] in {"29", "30"}
    assert await control.metric("ledgerline_control_lockouts_total") == 2
    everything = str(await control.rows("SELECT t::text FROM login_failures AS t"))
    assert "nobody" not in everything


async def test_each_failure_after_the_lock_doubles_it(root: Person, user: Person) -> None:
    control = root.control
    for _ in range(LIMIT):
        await control.guess("ada", WRONG)
    waits = []
    for _ in range(3):
        await _unlocked_by_time(control)
        assert (await control.guess("ada", WRONG))[0] == 200
        await control.guess("ada", WRONG)
        waits.append(int(control.headers["Retry-After"]))
    assert waits == [60, 120, 240]
    me = await root.do("GET", f"/api/user/{user.login['id']}")
    assert me["failed_login_attempts"] == LIMIT + 3
    assert me["locked_until"] is not None


async def test_a_success_begins_anew(root: Person, user: Person) -> None:
    control = root.control
    for _ in range(2):
        for _ in range(LIMIT - 1):
            await control.guess("ada", WRONG)
        await control.log_in("ADA", "a user's password")
    assert (await user.do("GET", "/api/user/self"))["failed_login_attempts"] == 0


async def test_an_admin_unlocks_and_both_are_audited(root: Person, user: Person) -> None:
    control = root.control
    user_id = user.login["id"]
    async with follow(control, "audit.actions") as followed:
        before = len(followed.all)
        for _ in range(LIMIT):
            await control.guess("ada", WRONG, address="192.0.2.66")
        assert (await control.guess("ada", "a user's password"))[0] == 429
        status, _ = await user.send("POST", f"/api/user/{user_id}/unlock")
        assert status == 403
        unlocked = await root.do("POST", f"/api/user/{user_id}/unlock")
        assert (unlocked["failed_login_attempts"], unlocked["locked_until"]) == (0, None)
        await control.log_in("ada", "a user's password")
        await until(lambda: len(followed.all) >= before + 2)
        locked, freed = (
            ActionTaken.model_validate_json(record.value or b"") for record in followed.all[before:]
        )
    assert (locked.action, locked.resource_id) == ("user.lock", str(user_id))
    assert locked.client_address == "192.0.2.66"
    assert locked.changes["failed_login_attempts"] == str(LIMIT)
    assert (freed.action, freed.actor_name) == ("user.unlock", "Root")
    assert WRONG not in str(locked)


async def test_an_address_has_its_own_limit(control: Control) -> None:
    """One guess each at many names: no name is locked, but the address is."""
    names = [f"name-{number}" for number in range(60)]
    statuses = [(await control.guess(name, "x", address="2001:db8::1"))[0] for name in names]
    assert statuses == [200] * 50 + [429] * 10
    neighbour = await control.guess("name-61", "x", address="2001:db8::ffff")
    assert neighbour[0] == 429, "of the same network"
    assert (await control.guess("name-62", "x", address="192.0.2.1"))[0] == 200


async def test_successes_do_not_count_against_an_address(root: Person) -> None:
    for _ in range(3):
        await root.control.log_in(*ROOT, address="192.0.2.1")
    (row,) = await root.control.rows("SELECT failed_attempts FROM login_failures")
    assert row["failed_attempts"] == 0


async def test_logins_turned_away_by_a_full_queue_are_no_failures(root: Person) -> None:
    """Else a flood at other names would lock out whoever tries meanwhile."""
    control = root.control
    names = [f"name-{number}" for number in range(60)]
    answers = await asyncio.gather(*(control.guess(name, "x") for name in names))
    busy = sum(status == 429 for status, _ in answers)
    assert busy > 0
    rows = await control.rows("SELECT failed_attempts FROM login_failures")
    assert sum(row["failed_attempts"] for row in rows) == len(names) - busy
