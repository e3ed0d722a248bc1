import pytest

from services.control.state.state_keys import DIRECTORY, KEYS, ROUTING, channel_key, listed_key
from tests.integration.control.conftest import Control, Followed, Person, run_command, until
from tests.integration.control.test_channels import CHANNEL
from tests.integration.control.test_keys import _hash


async def test_migrate_may_be_repeated(control: Control) -> None:
    assert await run_command(control, "migrate") == (0, "")


@pytest.mark.parametrize(("username", "password"), [("root", "short"), ("", "long enough")])
async def test_create_root_says_what_it_needs(
    control: Control, username: str, password: str
) -> None:
    arguments = ("create-root", "--username", username, "--password-stdin")
    code, complaint = await run_command(control, *arguments, stdin=password)
    assert code == 1
    assert "a password of 8 to 128 characters" in complaint
    assert password not in complaint
    assert await control.rows("SELECT FROM users") == []


async def test_rebuild_publishes_all_rows_and_forgets_what_has_none(
    root: Person, topics: Followed
) -> None:
    control = root.control
    kept = await root.do("POST", "/api/token/", {"name": "kept"})
    gone = await root.do("POST", "/api/token/", {"name": "gone"})
    channel = await root.do("POST", "/api/channel/", CHANNEL)
    await until(lambda: topics.value(KEYS, _hash(gone["key"])))
    await until(lambda: topics.value(ROUTING, channel_key(channel["id"])))
    # As after a restore of an old copy: the row is not there, and nobody marked it.
    await control.rows(f"DELETE FROM tokens WHERE id = {gone['id']}")
    seen = len(topics.all)
    assert await run_command(control, "rebuild") == (0, "")
    again = {
        (KEYS, _hash(kept["key"])),
        (KEYS, _hash(gone["key"])),
        (DIRECTORY, listed_key(kept["id"])),
        (ROUTING, channel_key(channel["id"])),
        (ROUTING, "model:gpt-4o"),
        (ROUTING, "group:default"),
    }
    await until(lambda: again <= {(r.topic, (r.key or b"").decode()) for r in topics.all[seen:]})
    assert topics.newest[KEYS, _hash(gone["key"])].value is None
    assert topics.value(KEYS, _hash(kept["key"]))
