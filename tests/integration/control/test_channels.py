import base64
from typing import Any

import pytest

from services.control.state.state_keys import ROUTING, channel_key
from shared.crypto.sealed import CannotOpenError, ChannelKeyBox
from shared.events.routing import ChannelChanged
from tests.integration.control.conftest import Control, Followed, Person, until

PROVIDER_KEY = "sk-provider-0123456789abcdef"
CHANNEL = {
    "name": "main",
    "provider": "openai",
    "base_url": "https://api.example.com/v1/",
    "key": PROVIDER_KEY,
    "models": ["gpt-4o", "gpt-4.1"],
    "groups": ["default"],
    "model_mapping": {"gpt-4o": "gpt-4o-2024-11-20"},
    "priority": 5,
    "weight": 3,
}


def _box(control: Control) -> ChannelKeyBox:
    return ChannelKeyBox(base64.b64decode(control.settings.master_key.get_secret_value()))


async def test_a_channel_reaches_the_topic_and_the_relay_can_open_its_key(
    root: Person, topics: Followed
) -> None:
    made = await root.do("POST", "/api/channel/", CHANNEL)
    key = channel_key(made["id"])
    await until(lambda: topics.value(ROUTING, key))
    told = ChannelChanged.model_validate_json(topics.value(ROUTING, key))
    assert told.base_url == "https://api.example.com/v1"
    assert told.models == ("gpt-4o", "gpt-4.1")
    assert told.model_mapping == {"gpt-4o": "gpt-4o-2024-11-20"}
    assert (told.priority, told.weight) == (5, 3)
    box = _box(root.control)
    assert box.open(told.key_ciphertext, channel_id=made["id"]) == PROVIDER_KEY
    with pytest.raises(CannotOpenError):
        box.open(told.key_ciphertext, channel_id=made["id"] + 1)


async def test_a_channels_key_is_nowhere_in_clear(root: Person, topics: Followed) -> None:
    """I7: no table, no topic and no answer holds it, and neither does its base64."""
    made = await root.do("POST", "/api/channel/", CHANNEL)
    answers = [made, await root.do("GET", "/api/channel/")]
    answers.append(await root.do("PUT", f"/api/channel/{made['id']}", {"key": PROVIDER_KEY + "2"}))
    answers.append(await root.do("GET", f"/api/channel/{made['id']}"))
    await until(lambda: topics.value(ROUTING, channel_key(made["id"])))
    names = await root.control.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'control'"
    )
    assert len(names) > 8
    dumps = [
        await root.control.rows(f"SELECT t::text AS row FROM {row['table_name']} AS t")
        for row in names
    ]
    everything = str(answers) + str(dumps) + str(topics.all)
    assert str(made["id"]) in everything
    for form in (PROVIDER_KEY, PROVIDER_KEY.encode().hex(), "key_ciphertext"):
        assert form not in str(answers)
    encoded = base64.b64encode(PROVIDER_KEY.encode()).decode().rstrip("=")[:24]
    for form in (PROVIDER_KEY, PROVIDER_KEY.encode().hex(), encoded):
        assert form not in everything


async def test_a_change_keeps_what_it_does_not_name(root: Person, topics: Followed) -> None:
    made = await root.do("POST", "/api/channel/", CHANNEL)
    changed = await root.do("PUT", "/api/channel/", {"id": made["id"], "status": 2, "weight": 0})
    assert (changed["status"], changed["weight"], changed["priority"]) == (2, 0, 5)
    assert changed["model_mapping"] == CHANNEL["model_mapping"]
    key = channel_key(made["id"])
    await until(lambda: b'"status":2' in topics.value(ROUTING, key))
    told = ChannelChanged.model_validate_json(topics.value(ROUTING, key))
    box = _box(root.control)
    assert box.open(told.key_ciphertext, channel_id=made["id"]) == PROVIDER_KEY
    await root.do("DELETE", f"/api/channel/{made['id']}")
    await until(lambda: b'"is_deleted":true' in topics.value(ROUTING, key))
    assert await root.refused("GET", f"/api/channel/{made['id']}") == "channel not found"


async def test_a_key_cannot_be_led_to_another_server(root: Person) -> None:
    made = await root.do("POST", "/api/channel/", CHANNEL)
    path = f"/api/channel/{made['id']}"
    elsewhere = {"base_url": "https://thief.example.com/v1"}
    assert "needs its key again" in await root.refused("PUT", path, elsewhere)
    await root.do("PUT", path, {"base_url": "https://api.example.com/v2"})
    await root.do("PUT", path, {**elsewhere, "key": "another"})


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"models": ["gpt-4o", "no-such", "nor-this"]}, "unknown models: no-such, nor-this"),
    ({"groups": ["vip"]}, "unknown groups: vip"),
    ({"base_url": "http://10.0.0.1/v1"}, "a network that is not allowed"),
    ({"base_url": "file:///etc/passwd"}, "base_url"),
    ({"base_url": "http://[::1/"}, "this is not a URL"),
    ({"base_url": "http://host:99999/"}, "this is not a URL"),
    ({"base_url": "https://user:pw@host/"}, "base_url"),
    ({"dialect": "klingon"}, "dialect"),
    ({"key": "two\r\nlines"}, "key"),
    ({"models": []}, "models"),
    ({"weight": -1}, "weight"),
    ({"models": ["gpt-4o"], "model_mapping": {"m" * 128: "x" * 129}}, "model_mapping"),
)


async def test_what_a_channel_cannot_be(root: Person) -> None:
    for change, complaint in REFUSED:
        message = await root.refused("POST", "/api/channel/", {**CHANNEL, **change})
        assert complaint in message, (change, message)
        assert PROVIDER_KEY not in message
    assert (await root.do("GET", "/api/channel/"))["total"] == 0


async def test_a_channel_too_large_for_an_event_is_refused(root: Person) -> None:
    """Committed, it would hold up every later change on the topics, a disabled key's too."""
    mapping = {f"{number:04}{'m' * 100}": "x" * 100 for number in range(1000)}
    message = await root.refused("POST", "/api/channel/", {**CHANNEL, "model_mapping": mapping})
    assert "too large" in message
    assert (await root.do("GET", "/api/channel/"))["total"] == 0


async def test_models_can_be_made_changed_and_deleted(root: Person, topics: Followed) -> None:
    seeded = await root.do("GET", "/api/models/?page_size=100")
    assert {"gpt-4o-mini", "gpt-4.1", "o3", "gpt-5"} <= {item["name"] for item in seeded["items"]}
    model = {"name": "lab/one", "groups": ["default"], "max_output_tokens": 10}
    await root.do("POST", "/api/models/", model)
    assert "of this name" in await root.refused("POST", "/api/models/", model)
    changed = await root.do("PUT", "/api/models/lab/one", {"max_media_tokens": 7})
    assert (changed["max_output_tokens"], changed["max_media_tokens"]) == (10, 7)
    await until(lambda: b'"max_media_tokens":7' in topics.value(ROUTING, "model:lab/one"))
    await root.do("DELETE", "/api/models/lab/one")
    await until(lambda: b'"is_deleted":true' in topics.value(ROUTING, "model:lab/one"))
    assert await root.refused("DELETE", "/api/models/lab/one") == "model not found"
    await root.do("POST", "/api/models/", model)
    await until(lambda: b'"is_deleted":false' in topics.value(ROUTING, "model:lab/one"))


async def test_the_first_start_is_on_the_topic_when_control_is_ready(topics: Followed) -> None:
    assert topics.value(ROUTING, "group:default")
    assert b'"max_output_tokens":16384' in topics.value(ROUTING, "model:gpt-4o-mini")
