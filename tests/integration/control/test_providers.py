import asyncio
from functools import partial
from typing import Any

from services.control.state.state_keys import ROUTING, channel_key
from shared.events.routing import ChannelChanged, Status
from tests.integration.control.conftest import Followed, Person, until
from tests.integration.control.test_channels import CHANNEL

PROVIDER = {
    "name": "Open AI",
    "slug": "openai",
    "description": "The first one",
    "base_url": "https://api.openai.example/v1",
    "logo_url": "https://example.com/logo.svg",
    "color": "#00aa88",
    "is_active": True,
}
OF_PROVIDER = {name: value for name, value in CHANNEL.items() if name != "provider"}


def _told(topics: Followed, channel_id: int) -> ChannelChanged:
    return ChannelChanged.model_validate_json(topics.value(ROUTING, channel_key(channel_id)))


async def test_providers_are_made_changed_and_listed(root: Person) -> None:
    made = await root.do("POST", "/api/provider/", PROVIDER)
    assert {name: made[name] for name in PROVIDER} == PROVIDER
    assert made["workspace_id"] is None
    other = await root.do("POST", "/api/provider/", {"name": "Lab (Zürich)"})
    assert (other["slug"], other["base_url"], other["is_active"]) == ("lab-zurich", "", True)
    assert (await root.do("POST", "/api/provider/", {"name": "lab zurich"}))["slug"] == (
        "lab-zurich-2"
    )
    changed = await root.do("PUT", "/api/provider/", {"id": made["id"], "base_url": ""})
    assert (changed["base_url"], changed["color"]) == ("", "#00aa88")
    page = await root.do("GET", "/api/provider/?page_size=2")
    assert (page["total"], [item["name"] for item in page["items"]]) == (
        3,
        ["Lab (Zürich)", "lab zurich"],
    )
    taken = "there is a provider of this name or slug"
    assert await root.refused("POST", "/api/provider/", {"name": "OPEN AI"}) == taken
    assert await root.refused("POST", "/api/provider/", {"name": "x", "slug": "openai"}) == taken
    renamed = {"id": other["id"], "slug": "openai"}
    assert await root.refused("PUT", "/api/provider/", renamed) == taken


async def test_what_a_provider_cannot_be(root: Person) -> None:
    for change in (
        {"base_url": "http://10.0.0.1/v1"},
        {"base_url": "http://169.254.169.254/"},
        {"base_url": "https://user:password@example.com"},
        {"base_url": "file:///etc/passwd"},
        {"logo_url": "javascript:alert(1)"},
        {"slug": "Not A Slug"},
        {"slug": "../x"},
        {"name": " "},
        {"color": "red"},
    ):
        message = await root.refused("POST", "/api/provider/", {**PROVIDER, **change})
        assert next(iter(change)) in message
    assert (await root.do("GET", "/api/provider/"))["total"] == 0


async def test_a_channel_names_its_provider_in_three_ways(root: Person, topics: Followed) -> None:
    provider = await root.do("POST", "/api/provider/", PROVIDER)
    for named in ({"provider_id": provider["id"]}, {"provider": "openai"}, {"provider": "OPEN ai"}):
        channel = await root.do("POST", "/api/channel/", {**OF_PROVIDER, **named})
        assert (channel["provider"], channel["provider_id"]) == ("Open AI", provider["id"])
        key = channel_key(channel["id"])
        await until(partial(topics.value, ROUTING, key))
        told = _told(topics, channel["id"])
        assert (told.provider, told.provider_id) == ("Open AI", provider["id"])
    no_such = {**OF_PROVIDER, "provider_id": 999}
    assert await root.refused("POST", "/api/channel/", no_such) == "provider not found"
    assert "needs a provider" in await root.refused("POST", "/api/channel/", OF_PROVIDER)


async def test_a_name_that_is_not_there_yet_is_made(root: Person) -> None:
    bodies: list[dict[str, Any]] = [{**CHANNEL, "provider": "New Lab"} for _ in range(5)]
    made = await asyncio.gather(*(root.do("POST", "/api/channel/", body) for body in bodies))
    assert len({channel["provider_id"] for channel in made}) == 1
    provider = await root.do("GET", f"/api/provider/{made[0]['provider_id']}")
    assert (provider["name"], provider["slug"]) == ("New Lab", "new-lab")
    moved = await root.do("PUT", f"/api/channel/{made[0]['id']}", {"provider": "Other"})
    assert moved["provider"] == "Other"
    assert moved["provider_id"] != provider["id"]


async def test_a_channel_may_take_its_providers_address(root: Person) -> None:
    await root.do("POST", "/api/provider/", PROVIDER)
    body = {**CHANNEL, "provider": "openai"}
    del body["base_url"]
    channel = await root.do("POST", "/api/channel/", body)
    assert channel["base_url"] == PROVIDER["base_url"]
    nowhere = await root.refused("POST", "/api/channel/", {**body, "provider": "elsewhere"})
    assert "needs a base_url" in nowhere
    assert (await root.do("GET", "/api/provider/"))["total"] == 1, "nothing is made by what fails"


async def test_what_becomes_of_a_provider_becomes_of_its_channels(
    root: Person, topics: Followed
) -> None:
    channel = await root.do("POST", "/api/channel/", CHANNEL)
    key, path = channel_key(channel["id"]), f"/api/provider/{channel['provider_id']}"
    await root.do("PUT", path, {"name": "Renamed"})
    await until(lambda: b'"provider":"Renamed"' in topics.value(ROUTING, key))
    await root.do("PUT", path, {"is_active": False})
    await until(lambda: _told(topics, channel["id"]).status is Status.DISABLED)
    shown = await root.do("GET", f"/api/channel/{channel['id']}")
    assert (shown["provider"], shown["status"]) == ("Renamed", 1)
    await root.do("PUT", path, {"is_active": True})
    await until(lambda: _told(topics, channel["id"]).status is Status.ENABLED)


async def test_a_provider_with_channels_is_not_deleted(root: Person) -> None:
    channel = await root.do("POST", "/api/channel/", CHANNEL)
    path = f"/api/provider/{channel['provider_id']}"
    assert "1 channels belong to this provider" in await root.refused("DELETE", path)
    await root.do("DELETE", f"/api/channel/{channel['id']}")
    await root.do("DELETE", path)
    assert await root.refused("GET", path) == "provider not found"
    again = await root.do("POST", "/api/channel/", CHANNEL)
    assert again["provider_id"] != channel["provider_id"]


async def test_no_channel_is_left_with_a_deleted_provider(root: Person) -> None:
    """A channel that is made at the moment at which its provider is deleted."""
    for _ in range(5):
        provider = await root.do("POST", "/api/provider/", PROVIDER)
        made, deleted = await asyncio.gather(
            root.send("POST", "/api/channel/", {**OF_PROVIDER, "provider_id": provider["id"]}),
            root.send("DELETE", f"/api/provider/{provider['id']}"),
        )
        assert made[1]["success"] is not deleted[1]["success"]
        if made[1]["success"]:
            await root.do("DELETE", f"/api/channel/{made[1]['data']['id']}")
            await root.do("DELETE", f"/api/provider/{provider['id']}")
