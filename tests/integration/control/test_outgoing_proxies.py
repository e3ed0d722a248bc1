"""The way to a channel: an outgoing proxy, or HTTP/2."""

import base64
from typing import Any

import pytest
from aiohttp import web

from services.control.state.state_keys import ROUTING, channel_key
from shared.crypto.sealed import PROXY, CannotOpenError, ChannelKeyBox
from shared.events.routing import ChannelChanged
from tests.forward_proxy import proxying
from tests.integration.control.conftest import Control, Followed, Person, until

PASSWORD = "proxys-own-password"
PROXY_URL = f"http://someone:{PASSWORD}@proxy.example.com:3128/"
SHOWN = "http://proxy.example.com:3128"
CHANNEL = {
    "name": "main",
    "provider": "openai",
    "base_url": "https://api.example.com/v1",
    "key": "sk-provider-0123456789abcdef",
    "models": ["gpt-4o"],
    "groups": ["default"],
}


def _box(control: Control) -> ChannelKeyBox:
    return ChannelKeyBox(base64.b64decode(control.settings.master_key.get_secret_value()))


def _told(topics: Followed, channel_id: int) -> ChannelChanged:
    return ChannelChanged.model_validate_json(topics.value(ROUTING, channel_key(channel_id)))


async def test_a_proxys_password_reaches_the_relay_and_is_nowhere_in_clear(
    root: Person, topics: Followed
) -> None:
    """I7: no table, no topic and no answer holds it; the audit says that the proxy was changed."""
    made = await root.do("POST", "/api/channel/", {**CHANNEL, "proxy_url": PROXY_URL})
    assert (made["proxy_url"], made["proxy_has_credentials"]) == (SHOWN, True)
    await until(lambda: topics.value(ROUTING, channel_key(made["id"])))
    sealed = _told(topics, made["id"]).proxy_url_ciphertext
    assert sealed is not None
    box = _box(root.control)
    assert box.open(sealed, channel_id=made["id"], part=PROXY) == PROXY_URL
    with pytest.raises(CannotOpenError):
        box.open(sealed, channel_id=made["id"])
    answers = [
        made,
        await root.do("GET", "/api/channel/"),
        await root.do("PUT", f"/api/channel/{made['id']}", {"proxy_url": PROXY_URL}),
        await root.refused("PUT", f"/api/channel/{made['id']}", {"proxy_url": PROXY_URL + "path"}),
    ]
    names = await root.control.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'control'"
    )
    dumps = [
        await root.control.rows(f"SELECT t::text AS row FROM {row['table_name']} AS t")
        for row in names
    ]
    everything = str(answers) + str(dumps) + str(topics.all)
    assert SHOWN in str(dumps)
    encoded = base64.b64encode(PROXY_URL.encode()).decode()[8:40]
    for form in (PASSWORD, PASSWORD.encode().hex(), encoded):
        assert form not in everything
    assert sealed not in str(answers)


async def test_what_is_shown_of_a_proxy_given_back_keeps_its_password(
    root: Person, topics: Followed
) -> None:
    made = await root.do("POST", "/api/channel/", {**CHANNEL, "proxy_url": PROXY_URL})
    changes = {"proxy_url": made["proxy_url"], "weight": 7}
    changed = await root.do("PUT", f"/api/channel/{made['id']}", changes)
    assert (changed["proxy_has_credentials"], changed["weight"]) == (True, 7)
    await until(lambda: b'"weight":7' in topics.value(ROUTING, channel_key(made["id"])))
    sealed = _told(topics, made["id"]).proxy_url_ciphertext or ""
    box = _box(root.control)
    assert box.open(sealed, channel_id=made["id"], part=PROXY) == PROXY_URL


async def test_a_proxy_is_exchanged_and_removed(root: Person, topics: Followed) -> None:
    made = await root.do("POST", "/api/channel/", {**CHANNEL, "proxy_url": PROXY_URL})
    path = f"/api/channel/{made['id']}"
    other = await root.do("PUT", path, {"proxy_url": "https://other.example.com"})
    assert (other["proxy_url"], other["proxy_has_credentials"]) == (
        "https://other.example.com",
        False,
    )
    # Without a proxy, and only then, it may be HTTP/2.
    assert "HTTP/2" in await root.refused("PUT", path, {"http2": True})
    direct = await root.do("PUT", path, {"proxy_url": "", "http2": True})
    assert (direct["proxy_url"], direct["proxy_has_credentials"]) == ("", False)
    assert direct["http2"]
    await until(lambda: b'"http2":true' in topics.value(ROUTING, channel_key(made["id"])))
    assert _told(topics, made["id"]).proxy_url_ciphertext is None
    assert (await root.do("PUT", path, {"name": "renamed"}))["http2"]


async def test_a_key_without_tls_cannot_be_led_through_another_proxy(root: Person) -> None:
    plain = {**CHANNEL, "base_url": "http://api.example.com/v1", "proxy_url": SHOWN}
    made = await root.do("POST", "/api/channel/", plain)
    path = f"/api/channel/{made['id']}"
    thief = {"proxy_url": "http://thief.example.com:3128"}
    assert "needs its key again" in await root.refused("PUT", path, thief)
    await root.do("PUT", path, {**thief, "key": "another"})
    await root.do("PUT", path, {"proxy_url": ""})
    # With TLS a proxy sees nothing of it.
    safe = await root.do("POST", "/api/channel/", {**CHANNEL, "name": "safe"})
    await root.do("PUT", f"/api/channel/{safe['id']}", thief)


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"proxy_url": f"socks5://someone:{PASSWORD}@proxy.example.com"}, "an http or https URL"),
    ({"proxy_url": f"http://someone:{PASSWORD}@10.0.0.1:3128"}, "a network that is not allowed"),
    ({"proxy_url": f"http://{PASSWORD}:99999"}, "this is not a URL"),
    ({"proxy_url": f"{PROXY_URL}{'x' * 1024}"}, "proxy_url"),
    ({"proxy_url": 5}, "proxy_url"),
    ({"proxy_url": PROXY_URL, "http2": True}, "HTTP/2"),
    ({"http2": "yes please"}, "http2"),
)


async def test_what_a_way_cannot_be(root: Person) -> None:
    for change, complaint in REFUSED:
        message = await root.refused("POST", "/api/channel/", {**CHANNEL, **change})
        assert complaint in message, (change, message)
        assert PASSWORD not in message
    assert (await root.do("GET", "/api/channel/"))["total"] == 0


async def test_a_test_of_a_channel_takes_the_way_of_its_calls(
    root: Person, provider: tuple[str, list[web.Request]]
) -> None:
    url, seen = provider
    async with proxying(credentials="user:right") as proxy:
        through = {"base_url": url, "key": "good", "proxy_url": proxy.url_for("user:right")}
        made = await root.do("POST", "/api/channel/", {**CHANNEL, **through})
        path = f"/api/channel/test/{made['id']}"
        _, answer = await root.send("GET", path)
        assert (answer["success"], len(seen)) == (True, 1)
        assert proxy.heads[0].startswith(f"POST {url}/chat/completions HTTP/1.1".encode())
        wrong = {"proxy_url": proxy.url_for("user:not-the-password"), "key": "good"}
        await root.do("PUT", f"/api/channel/{made['id']}", wrong)
        _, answer = await root.send("GET", path)
        assert (answer["success"], proxy.refused) == (False, 1)
        assert "password" not in str(answer)
    # Never directly instead.
    assert len(seen) == 1
