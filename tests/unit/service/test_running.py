"""What every service does when it is asked to stop."""

import asyncio
import signal
import sys

_PROGRAM = "tests.unit.service.stopped"


async def test_what_stands_behind_the_yield_of_an_application_is_done_at_its_end() -> None:
    """A cancellation would skip it: a relay left its leases open and its journal to others."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", _PROGRAM),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PYTHONPATH": "."},
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"stopped-0 opened\n"
        process.send_signal(signal.SIGTERM)
        assert await process.stdout.read() == b"closed in order\n"
        assert await process.wait() == 0
