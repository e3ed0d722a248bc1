"""Valkey frozen, killed, restarted, and relays that die: what the store and its link make of it."""

import asyncio
import signal
import time

import pytest
from prometheus_client import CollectorRegistry
from valkey.asyncio import Valkey

from deploy.local.valkey_server import ValkeyServer
from services.relay.limits.limit import Counting, Demand, Held
from services.relay.limits.metrics import LimitMetrics
from services.relay.limits.shared_store import SharedStore
from services.relay.limits.store_link import StoreAwayError
from tests.integration.limits.linked import Linked
from tests.unit.relay.limits.made_limits import limit, one, place

_REQUESTS = limit(Counting.SLIDING, 100)
_PLACES = place(2)
_PLACE = Demand(_PLACES, 0, 1)
_HELD = [Held(_PLACES, 1)]


async def test_calls_that_come_together_go_in_order_and_each_gets_its_own_answer(
    linked: Linked,
) -> None:
    taken = await asyncio.gather(
        *(linked.store.take(f"r{number}", [one(_REQUESTS)]) for number in range(300))
    )
    remaining = [each.decisions[0].remaining for each in taken[:100]]
    assert remaining == list(range(99, -1, -1))
    assert not any(each.is_allowed for each in taken[100:])


async def test_the_time_is_the_server_s_own(linked: Linked, valkey: Valkey) -> None:
    seconds, microseconds = await valkey.time()
    decided = await linked.store.take("r", [one(_REQUESTS)])
    assert 0 <= decided.now_ms - (seconds * 1000 + microseconds // 1000) < 5_000


async def test_a_settled_request_is_seen_by_the_next_call_of_the_same_relay(
    linked: Linked,
) -> None:
    for number in range(50):
        assert (await linked.store.take(f"r{number}", [Demand(place(1), 0, 1)])).is_allowed
        linked.store.settle(f"r{number}", [Held(place(1), 1)], 0)


async def test_a_take_that_is_repeated_holds_once(linked: Linked) -> None:
    """As after an answer that was lost on its way."""
    await linked.store.take("same", [_PLACE])
    await linked.store.take("same", [_PLACE])
    assert (await linked.store.take("other", [_PLACE])).is_allowed


async def test_places_that_nobody_renews_lapse_and_those_that_are_renewed_do_not(
    linked: Linked,
) -> None:
    short = SharedStore(linked.link, lease_ms=600)
    await short.take("dies", [_PLACE])
    await short.take("lives", [_PLACE])
    started = time.monotonic()
    async with asyncio.timeout(20):
        while not (await short.take("new", [_PLACE])).is_allowed:
            short.renew("lives", _HELD)
            await asyncio.sleep(0.05)
    assert time.monotonic() - started >= 0.5
    short.renew("new", _HELD)
    assert not (await short.take("more", [_PLACE])).is_allowed


async def test_a_hold_that_lapsed_counts_again_when_its_relay_comes_back(linked: Linked) -> None:
    """A relay that was frozen: its requests are still in flight."""
    linked.store.renew("frozen", _HELD)
    linked.store.renew("frozen", _HELD)
    assert (await linked.store.take("a", [_PLACE])).decisions[0].remaining == 0
    await linked.store.settle("frozen", _HELD, 0)
    await linked.store.settle("frozen", _HELD, 0)
    assert (await linked.store.take("b", [_PLACE])).decisions[0].remaining == 0


async def test_a_call_that_holds_nothing_lets_nobody_who_holds_be_forgotten(
    linked: Linked, valkey: Valkey
) -> None:
    """As counting tokens, which is free: what a dead relay held could never be given back."""
    tokens = limit(Counting.SLIDING, 100)
    await linked.store.take("dies", [Demand(tokens, 0, 40)])
    (holds,) = await valkey.keys("*:holds")
    await valkey.pexpire(holds, 30_000)
    await linked.store.take("free", [Demand(tokens, 0, 0)])
    (counted,) = set(await valkey.keys("*")) - {holds}
    assert await valkey.pttl(holds) >= await valkey.pttl(counted) - 1_000


async def test_nothing_is_kept_for_longer_than_it_can_count(linked: Linked, valkey: Valkey) -> None:
    await linked.store.take("r", [one(_REQUESTS), one(limit(Counting.BUCKET, 5)), _PLACE])
    keys = await valkey.keys("*")
    assert len(keys) == 4
    for key in keys:
        assert 0 < await valkey.pttl(key) <= 121_000


async def test_a_frozen_server_is_given_up_in_time_and_then_nobody_waits(
    server: ValkeyServer, valkey: Valkey
) -> None:
    del valkey
    metrics = LimitMetrics(CollectorRegistry())
    async with Linked(server.url, metrics, timeout_s=0.2) as linked:
        await linked.up()
        server.process.kill(signal.SIGSTOP)
        try:
            started = time.monotonic()
            with pytest.raises(StoreAwayError):
                await linked.store.take("waits", [one(_REQUESTS)])
            assert 0.15 < time.monotonic() - started < 5
            for number in range(1000):
                with pytest.raises(StoreAwayError):
                    linked.link.send(linked.store.call("take", f"r{number}", [one(_REQUESTS)]))
            assert linked.metrics.store_up._value.get() == 0
        finally:
            server.process.kill(signal.SIGCONT)
        await linked.up()
        assert (await linked.store.take("again", [one(_REQUESTS)])).is_allowed


async def test_after_a_restart_the_script_is_loaded_again_and_who_is_in_flight_is_told(
    server: ValkeyServer, valkey: Valkey
) -> None:
    del valkey
    metrics = LimitMetrics(CollectorRegistry())
    async with Linked(server.url, metrics) as linked:
        await linked.up()
        linked.link.on_up = lambda: linked.store.renew("goes on", _HELD)
        await linked.store.take("goes on", [_PLACE])
        server.process.kill(signal.SIGKILL)
        await server.process.wait()
        await linked.up(is_up=False)
        await server.start()
        await linked.up()
        decisions = (await linked.store.take("next", [_PLACE])).decisions
        assert decisions[0].remaining == 0, "two places: that of the one in flight, and this one"


async def test_scripts_that_were_flushed_are_loaded_again(linked: Linked, valkey: Valkey) -> None:
    await valkey.script_flush()
    with pytest.raises(StoreAwayError):
        await linked.store.take("lost", [one(_REQUESTS)])
    await linked.up()
    assert (await linked.store.take("r", [one(_REQUESTS)])).is_allowed


async def test_a_wrong_password_is_a_store_that_cannot_be_reached(server: ValkeyServer) -> None:
    url = server.url.replace("made-up", "wrong")
    async with Linked(url, LimitMetrics(CollectorRegistry())) as linked:
        async with asyncio.timeout(20):
            while not linked.metrics.store_failures.labels("authentication")._value.get():
                await asyncio.sleep(0.02)
        assert not linked.link.is_up
