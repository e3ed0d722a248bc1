"""What completes while the command looks is no gap."""

import asyncio

from tests.integration.kafka.waiting import until
from tests.integration.reconcile.world import World
from tests.made_events import request


async def test_requests_that_complete_meanwhile_are_no_gaps(world: World) -> None:
    await world.settle([request() for _ in range(200)])
    added = 0

    async def go_on() -> None:
        nonlocal added
        while True:
            await world.add_failed()
            added += 1

    running = asyncio.create_task(go_on())
    try:
        looked_at = []
        for _ in range(5):
            before = added

            async def has_moved(before: int = before) -> bool:
                return added > before

            findings = await world.reconcile(settle_s=5)
            assert findings.is_clean, list(findings.as_text())
            looked_at.append(findings.checks[0].looked_at)
            await until(has_moved, "requests go on")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert looked_at == sorted(looked_at)
    assert looked_at[-1] > looked_at[0]
