"""What relays say of a channel reaches the admin and routing, and an admin's word is later."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from services.control.channels.channel_health import take_views
from services.control.state.state_keys import ROUTING, channel_key
from shared.events.catalog import RELAY_HEALTH
from shared.events.event import Attributes, encode_headers, encode_value, new_event_id
from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.events.requests import ErrorCode
from shared.events.routing import ChannelChanged, Status
from shared.kafka.producer import IdempotentProducer
from shared.kafka.records import OutgoingRecord
from shared.postgres.retrying import in_transaction
from shared.service.clock import utc_now
from tests.integration.control.conftest import Control, Followed, Person, follow, until
from tests.integration.control.test_channels import CHANNEL

KEYS = ["sk-first-0123456789abcdef", "sk-second-0123456789abcd", "sk-third-0123456789abcde"]


class Relay:
    """A relay that only says how it finds channels."""

    def __init__(self, producer: IdempotentProducer, relay_id: str) -> None:
        self._producer = producer
        self.relay_id = relay_id

    async def says(self, channel_id: int, state: HealthState, **fields: Any) -> None:
        view = ChannelHealthChanged(
            channel_id=channel_id,
            relay_id=self.relay_id,
            state=state,
            changed_at=fields.pop("changed_at", utc_now()),
            **fields,
        )
        attributes = Attributes(id=new_event_id(), source="test", time=view.changed_at)
        record = OutgoingRecord(
            topic=RELAY_HEALTH.name,
            key=f"channel:{channel_id}:{self.relay_id}".encode(),
            value=encode_value(view),
            headers=encode_headers(ChannelHealthChanged.TYPE, attributes),
        )
        await self._producer.send_all([record])

    async def refused(self, channel_id: int, *credential_ids: int, code: ErrorCode) -> None:
        told = [
            CredentialHealth(credential_id=one, reason=code, since=utc_now())
            for one in credential_ids
        ]
        await self.says(channel_id, HealthState.HEALTHY, refused_credentials=tuple(told))

    async def rests(self, channel_id: int) -> None:
        await self.says(
            channel_id,
            HealthState.RESTING,
            reason=ErrorCode.UPSTREAM_SERVER_ERROR,
            consecutive_failures=5,
            rests_until=utc_now() + timedelta(minutes=1),
        )


@pytest_asyncio.fixture(loop_scope="session")
async def relays(control: Control) -> AsyncIterator[tuple[Relay, Relay]]:
    async with IdempotentProducer(
        bootstrap=control.settings.kafka_bootstrap, client_id="test-relays"
    ) as producer:
        yield Relay(producer, f"a-{new_event_id()}"), Relay(producer, f"b-{new_event_id()}")


async def shown(root: Person, channel_id: int) -> dict[str, Any]:
    channel: dict[str, Any] = await root.do("GET", f"/api/channel/{channel_id}")
    return channel


async def until_state(root: Person, channel_id: int, state: str) -> dict[str, Any]:
    async def is_so() -> bool:
        return bool((await shown(root, channel_id))["health"]["state"] == state)

    await until(is_so)
    return await shown(root, channel_id)


async def health_acts(root: Person, channel_id: int) -> list[bytes]:
    """What the audit has of the channel's health, up to now."""
    await root.do("POST", "/api/group/", {"name": f"after-{channel_id}"})
    last, named = f"after-{channel_id}".encode(), f'"resource_id":"{channel_id}"'.encode()
    async with follow(root.control, "audit.actions") as audit:
        await until(lambda: any(last in (record.value or b"") for record in audit.all))
        told = [record.value or b"" for record in audit.all]
    return [act for act in told if b'"channel.health"' in act and named in act]


async def with_keys(root: Person) -> tuple[int, list[int]]:
    made = await root.do("POST", "/api/channel/", {**CHANNEL, "key": None, "keys": KEYS})
    return made["id"], [credential["id"] for credential in made["credentials"]]


async def test_a_refused_credential_is_disabled_alone_and_the_admin_sees_why(
    root: Person, topics: Followed, relays: tuple[Relay, Relay]
) -> None:
    channel_id, (first, second, third) = await with_keys(root)
    code = ErrorCode.UPSTREAM_AUTHENTICATION
    for relay in relays:  # both find it; it is disabled once
        await relay.refused(channel_id, second, code=code)
    key = channel_key(channel_id)
    await until(lambda: b'"status":2' in topics.value(ROUTING, key))
    told = ChannelChanged.model_validate_json(topics.value(ROUTING, key))
    assert {c.credential_id: c.status for c in told.credentials} == {
        first: Status.ENABLED,
        second: Status.DISABLED,
        third: Status.ENABLED,
    }
    channel = await shown(root, channel_id)
    assert channel["health"]["state"] == "healthy"
    refused = channel["credentials"][1]
    assert (refused["status"], refused["disabled_by"]) == (2, "system")
    assert refused["reason"] == "upstream_authentication"
    assert refused["since"] > 0
    assert refused["key"] == "…abcd"


async def test_a_channel_without_a_good_credential_is_disabled_and_told_once(
    root: Person, relays: tuple[Relay, Relay]
) -> None:
    channel_id, ids = await with_keys(root)
    for relay in relays:
        await relay.refused(channel_id, *ids, code=ErrorCode.UPSTREAM_QUOTA_EXHAUSTED)
    channel = await until_state(root, channel_id, "disabled")
    assert channel["health"]["reason"] == "upstream_quota_exhausted"
    assert channel["status"] == 1, "what a person chose stays"
    [act] = await health_acts(root, channel_id)
    assert b'"actor_name":"system"' in act
    assert b"upstream_quota_exhausted" in act


async def test_a_channel_rests_until_some_relay_finds_it_well_or_an_admin_says_so(
    root: Person, relays: tuple[Relay, Relay]
) -> None:
    channel_id, _ = await with_keys(root)
    await relays[0].rests(channel_id)
    channel = await until_state(root, channel_id, "resting")
    assert channel["health"]["reason"] == "upstream_server_error"
    assert channel["health"]["consecutive_failures"] == 5
    assert channel["health"]["rests_until"] > channel["health"]["since"]
    await relays[0].says(channel_id, HealthState.HEALTHY)
    await until_state(root, channel_id, "healthy")
    stale = utc_now()
    await relays[1].rests(channel_id)
    await until_state(root, channel_id, "resting")
    reset = await root.do("POST", f"/api/channel/{channel_id}/reset")
    assert reset["health"]["state"] == "healthy"
    # What a relay found before the reset, and says only now, no longer counts.
    await relays[0].says(
        channel_id,
        HealthState.RESTING,
        rests_until=utc_now() + timedelta(minutes=1),
        changed_at=stale,
    )
    await relays[1].says(channel_id, HealthState.HEALTHY)

    async def has_heard() -> bool:
        views = await root.control.rows("SELECT * FROM channel_views WHERE relay_id = $1",
                                        relays[1].relay_id)  # fmt: skip
        return bool(views)

    await until(has_heard)
    assert (await shown(root, channel_id))["health"]["state"] == "healthy"


async def test_switching_on_enables_what_the_system_disabled(
    root: Person, topics: Followed, relays: tuple[Relay, Relay]
) -> None:
    channel_id, ids = await with_keys(root)
    path = f"/api/channel/{channel_id}"
    await root.do("PUT", f"{path}/credentials/{ids[0]}", {"status": 2})
    await relays[0].refused(channel_id, *ids[1:], code=ErrorCode.UPSTREAM_AUTHENTICATION)
    await until_state(root, channel_id, "disabled")
    channel = await root.do("PUT", path, {"status": 1})
    assert [c["status"] for c in channel["credentials"]] == [2, 1, 1]
    assert channel["credentials"][0]["disabled_by"] == "person"
    assert channel["health"]["state"] == "healthy"
    await until(lambda: b'"health_reset_at":"' in topics.value(ROUTING, channel_key(channel_id)))


async def test_keys_are_added_switched_and_removed_but_for_the_last(root: Person) -> None:
    made = await root.do("POST", "/api/channel/", CHANNEL)
    path = f"/api/channel/{made['id']}/credentials"
    channel = await root.do("POST", path, {"keys": KEYS[:2]})
    ids = [credential["id"] for credential in channel["credentials"]]
    assert len(ids) == 3
    channel = await root.do("DELETE", f"{path}/{ids[0]}")
    assert [credential["id"] for credential in channel["credentials"]] == ids[1:]
    await root.do("DELETE", f"{path}/{ids[1]}")
    assert "needs a key" in await root.refused("DELETE", f"{path}/{ids[2]}")
    assert await root.refused("PUT", f"{path}/{ids[0]}", {"status": 1}) == "credential not found"
    assert "a key is needed" in await root.refused("POST", path, {})
    assert "50 keys" in await root.refused("POST", path, {"keys": [f"k{n}" for n in range(50)]})
    assert "key is needed" in await root.refused("POST", "/api/channel/", {**CHANNEL, "key": None})


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_a_test_says_which_credential_works_and_brings_it_back(
    root: Person,
    relays: tuple[Relay, Relay],
    provider: tuple[str, list[web.Request]],
    dialect: str,
) -> None:
    url, seen = provider
    keys = {"key": None, "keys": ["bad", "poor", "elsewhere", "good"], "base_url": url}
    made = await root.do("POST", "/api/channel/", {**CHANNEL, **keys, "dialect": dialect})
    ids = [credential["id"] for credential in made["credentials"]]
    await relays[0].refused(made["id"], *ids, code=ErrorCode.UPSTREAM_AUTHENTICATION)
    await until_state(root, made["id"], "disabled")
    results = {}
    for credential_id in ids:
        path = f"/api/channel/test/{made['id']}?model=gpt-4o&credential_id={credential_id}"
        status, answer = await root.send("GET", path)
        assert status == 200
        assert answer["time"] >= 0
        assert "secret words" not in str(answer)
        results[credential_id] = (answer["success"], answer["data"]["error_code"])
    assert list(results.values()) == [
        (False, "upstream_authentication"),
        (False, "upstream_quota_exhausted"),
        (False, "upstream_malformed"),
        (True, None),
    ]
    path = "/v1/messages" if dialect == "anthropic" else "/v1/chat/completions"
    assert {request.path for request in seen} == {path}
    channel = await shown(root, made["id"])
    assert channel["health"]["state"] == "healthy"
    assert [c["status"] for c in channel["credentials"]] == [2, 2, 2, 1]
    # What a person switched off stays off, however well it works.
    await root.do("PUT", f"/api/channel/{made['id']}/credentials/{ids[3]}", {"status": 2})
    _, answer = await root.send("GET", f"/api/channel/test/{made['id']}?credential_id={ids[3]}")
    assert answer["success"]
    channel = await shown(root, made["id"])
    assert [c["status"] for c in channel["credentials"]] == [2, 2, 2, 2]
    assert channel["health"]["state"] == "disabled"


async def test_a_test_goes_no_further_than_the_egress_policy(root: Person) -> None:
    made = await root.do("POST", "/api/channel/", {**CHANNEL, "base_url": "http://localhost:9/v1"})
    await root.control.rows(
        "UPDATE channels SET base_url = 'http://10.1.2.3/v1' WHERE id = $1", made["id"]
    )
    _, answer = await root.send("GET", f"/api/channel/test/{made['id']}")
    assert (answer["success"], answer["data"]["error_code"]) == (False, "upstream_connection")
    assert answer["data"]["http_status"] is None
    refused = await root.refused("GET", f"/api/channel/test/{made['id']}?model=nope")
    assert "does not serve" in refused


async def test_only_admins_may_look(user: Person) -> None:
    for method, path in [
        ("GET", "/api/channel/test/1"),
        ("POST", "/api/channel/1/reset"),
        ("POST", "/api/channel/1/credentials"),
        ("PUT", "/api/channel/1/credentials/1"),
        ("DELETE", "/api/channel/1/credentials/1"),
    ]:
        status, answer = await user.send(method, path, {})
        assert (status, answer["success"]) == (403, False), path


async def test_two_controls_make_one_change_of_what_both_read(root: Person) -> None:
    channel_id, ids = await with_keys(root)
    code = ErrorCode.UPSTREAM_AUTHENTICATION
    view = ChannelHealthChanged(
        channel_id=channel_id,
        relay_id="r",
        state=HealthState.DISABLED,
        refused_credentials=tuple(
            CredentialHealth(credential_id=one, reason=code, since=utc_now()) for one in ids
        ),
        changed_at=utc_now(),
    )
    work = partial(take_views, channel_id=channel_id, views=[view], now=utc_now())
    dsn = root.control.database.dsn("control")
    async with asyncpg.create_pool(dsn, min_size=4, max_size=4) as pool:
        await asyncio.gather(*(in_transaction(pool, work, idempotent=True) for _ in range(8)))
    assert (await shown(root, channel_id))["health"]["state"] == "disabled"
    assert len(await health_acts(root, channel_id)) == 1
