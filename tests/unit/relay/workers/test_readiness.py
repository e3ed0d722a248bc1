"""A load balancer looks at one address for all workers."""

import signal

from tests.unit.relay.workers.fake_worker import fake
from tests.unit.relay.workers.supervised import Supervised, until


async def test_at_the_start_all_workers_are_waited_for() -> None:
    """The first one would get everything."""
    supervised = Supervised(lambda number, fd: fake("waits" if number else "serves")(number, fd))
    async with supervised.running():
        await until(lambda: supervised.supervisor.slots[0].is_ready)
        await until(lambda: supervised.readiness.waits_for() == {"worker-1": "reading"})


async def test_a_worker_that_cannot_start_does_not_keep_the_others_from_serving() -> None:
    supervised = Supervised(lambda number, fd: fake("fails" if number else "serves")(number, fd))
    async with supervised.running():
        await until(lambda: not supervised.readiness.waits_for())
        assert supervised.readiness.notes()["worker-1"] == "being started"


async def test_a_relay_stays_ready_while_a_worker_is_replaced() -> None:
    supervised = Supervised(fake("serves", "waits"))
    async with supervised.running():
        await until(lambda: not supervised.readiness.waits_for())
        supervised.supervisor.slots[0].signal(signal.SIGKILL)
        await until(lambda: supervised.readiness.notes().get("worker-0") == "reading")
        assert supervised.readiness.waits_for() == {}
        assert supervised.readiness.notes()["limits"] == "a note"
        supervised.supervisor.slots[1].signal(signal.SIGKILL)
        await until(
            lambda: (
                supervised.readiness.waits_for() == {"worker-0": "reading", "worker-1": "reading"}
            )
        )
