"""kill -9 of a process between append and publication, and in the middle of appending."""

import subprocess
import sys
from pathlib import Path

from tests.unit.relay.journal.made_journals import found

_PROGRAM = """
import asyncio, pathlib, sys
from tests.unit.relay.journal.made_journals import completed, new_id, open_journal

async def main():
    _, journal = open_journal(pathlib.Path(sys.argv[1]), segments=1000, segment_bytes=300_000)
    journal.admit(bytes(16), b"never completed")
    for number in range(1, 1_000_000):
        request_id = number.to_bytes(16)
        journal.admit(request_id, b"s" * 600)
        journal.complete(completed(request_id, size=1200, at=number))
        if journal.needs_tending.is_set():
            await journal.tend()
        if number % 10 == 0:
            print(number, flush=True)

asyncio.run(main())
"""


def test_whatever_was_appended_survives_kill_9_at_once(tmp_path: Path) -> None:
    """No sync, no close: what the process said is done is found, in order and whole."""
    for turn in range(5):
        root = tmp_path / str(turn)
        with subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-c", _PROGRAM, str(root)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[4],
        ) as relay:
            assert relay.stdout is not None
            said = [int(relay.stdout.readline()) for _ in range(40 + 17 * turn)]
            relay.kill()
            said += map(int, relay.stdout.read().split(b"\n")[:-1])
        scanned = found(root)
        numbers = [int.from_bytes(record.request_id) for record in scanned.unpublished]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= said[-1]
        assert scanned.quarantined == 0
        left = {request_id for request_id in scanned.interrupted if any(request_id)}
        assert left <= {(len(numbers) + 1).to_bytes(16)}
        assert scanned.interrupted[bytes(16)] == b"never completed"
