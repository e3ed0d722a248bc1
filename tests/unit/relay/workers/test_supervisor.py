"""Workers that end, hang, or never start; and how all of them are stopped."""

import asyncio
import signal

from tests.unit.relay.workers.fake_worker import SERVED, fake
from tests.unit.relay.workers.supervised import Supervised, until


async def test_a_crashed_worker_is_started_again_and_its_counts_stay() -> None:
    supervised = Supervised(fake("crashes", "serves"))
    async with supervised.running():
        await until(lambda: supervised.restarts("failed") == 2)
        assert supervised.value("served_total", model="m") >= 2 * SERVED  # type: ignore[operator]  # None fails too
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 2)
        assert supervised.value("served_total", model="m") == 4 * SERVED
        assert supervised.value("open") == 2


async def test_a_worker_that_is_killed_leaves_the_others_untouched() -> None:
    supervised = Supervised(fake("serves"), count=3)
    async with supervised.running():
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 3)
        seen = supervised.value("served_total", model="m")
        supervised.supervisor.slots[1].signal(signal.SIGKILL)
        while supervised.restarts("killed") == 0:
            assert supervised.value("served_total", model="m") >= seen  # type: ignore[operator]  # None fails too
            await asyncio.sleep(0)
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 3)
        tries = [slot.tries for slot in supervised.supervisor.slots]
        assert tries == [0, 1, 0]
        assert supervised.value("served_total", model="m") == 4 * SERVED


async def test_a_worker_that_ended_by_itself_is_started_again() -> None:
    """Whoever stops one worker by hand gets a new one: 0 is no end either."""
    supervised = Supervised(fake("serves"), count=1)
    async with supervised.running():
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 1)
        supervised.supervisor.slots[0].signal(signal.SIGTERM)
        await until(lambda: supervised.restarts("killed") == 1)
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 1)


async def test_workers_that_never_start_end_the_relay() -> None:
    """A relay that starts its workers in vain for ever would look as if it were starting."""
    supervised = Supervised(fake("fails"))
    async with supervised.running() as run, asyncio.timeout(20):
        assert await run == 1


async def test_a_relay_that_has_served_does_not_give_up() -> None:
    supervised = Supervised(fake("crashes", "fails"), count=1)
    async with supervised.running() as run:
        await until(lambda: supervised.supervisor.slots[0].tries >= 4)
        assert not run.done()
        assert supervised.readiness.waits_for() == {"worker-0": "being started"}


async def test_a_worker_that_is_silent_for_too_long_is_replaced() -> None:
    supervised = Supervised(fake("silent", "serves"), count=1, hang_s=2)
    async with supervised.running():
        await until(lambda: supervised.restarts("hung") == 1)
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 1)


async def test_a_worker_that_is_frozen_is_replaced() -> None:
    """It cannot even take the signal that has it say where it hangs."""
    supervised = Supervised(fake("serves"), count=1, hang_s=1)
    async with supervised.running():
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 1)
        supervised.supervisor.slots[0].signal(signal.SIGSTOP)
        await until(lambda: supervised.restarts("hung") == 1)


async def test_a_stop_is_passed_on_and_waited_for() -> None:
    supervised = Supervised(fake("serves"))
    async with supervised.running() as run:
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 2)
        supervised.stop.set()
        async with asyncio.timeout(20):
            assert await run == 0
    assert supervised.restarts("killed") == 0


async def test_who_asks_a_second_time_does_not_wait() -> None:
    supervised = Supervised(fake("deaf"), stop_s=60)
    async with supervised.running() as run:
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 2)
        supervised.stop.set()
        await asyncio.wait({run}, timeout=0.3)
        assert not run.done()
        supervised.hurry.set()
        async with asyncio.timeout(20):
            assert await run == 1


async def test_a_worker_that_does_not_stop_in_time_is_killed() -> None:
    supervised = Supervised(fake("deaf"), stop_s=0.2)
    async with supervised.running() as run:
        await until(lambda: supervised.value("ledgerline_relay_workers_ready") == 2)
        supervised.stop.set()
        async with asyncio.timeout(20):
            assert await run == 1


async def test_a_stop_ends_the_wait_for_a_worker_s_next_start() -> None:
    supervised = Supervised(fake("crashes"), count=1)
    async with supervised.running() as run:
        await until(lambda: supervised.supervisor.slots[0].tries >= 5)  # waits 1.6 s now
        supervised.stop.set()
        async with asyncio.timeout(1):
            assert await run == 0
