"""From a whole answer to its ledger entry and its log row, at a steady rate.

A row counts from when another session sees it: both tables are asked every POLL_S for rows that
were not there before, and a row's time is taken after the answer came. The figures are therefore
too long by up to POLL_S and the time of one query, and never too short.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

import asyncpg

from deploy.local.stack import Stack
from operations.bench.figures import percentile
from operations.bench.load_spec import Finished, LoadSpec
from operations.bench.plan import Plan
from operations.bench.programs import generate, python_module, running
from operations.bench.provisioning import provision
from operations.bench.settling import wait_until_applied

POLL_S: Final = 0.005
# An id that is still missing after this was given to a transaction that rolled back.
_GAP_S: Final = 1.0
_CONNECTIONS: Final = 64
_MS: Final = 1000
_LEDGER: Final = """
SELECT entry_id, substr(cause, 9) FROM billing.ledger_entries WHERE entry_id > $1 ORDER BY entry_id
"""
_LOGS: Final = """
SELECT id, request_id FROM logging.logs
WHERE id > $1 AND created_at > extract(epoch FROM now())::bigint - 3600 ORDER BY id
"""


@dataclass(frozen=True, kw_only=True)
class Delay:
    """The delays of every request that was answered within the window."""

    requests: int
    rate_per_s: float
    answer_p50_ms: float
    answer_p99_ms: float
    ledger_ms: dict[str, float]
    row_ms: dict[str, float]


class RowWatch:
    """Notes when the rows of a table, whose ids grow, can first be seen."""

    def __init__(self, query: str) -> None:
        self._query = query
        self.contiguous_until = 0
        self._beyond: dict[int, float] = {}
        self.seen_at: dict[str, float] = {}

    async def run(self, dsn: str) -> None:
        """Watch until cancelled."""
        connection = await asyncpg.connect(dsn)
        try:
            while True:
                rows = await connection.fetch(self._query, self.contiguous_until)
                self.note(((row[0], row[1]) for row in rows), monotonic())
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()

    def note(self, rows: Iterable[tuple[int, str]], now: float) -> None:
        """Take note of rows (id, request id) that are there `now`."""
        for number, request_id in rows:
            self._beyond.setdefault(number, now)
            self.seen_at.setdefault(request_id, now)
        # Ids are given before the commit: a smaller one may still come. Go on from below it.
        for number in sorted(self._beyond):
            if number != self.contiguous_until + 1 and now - self._beyond[number] < _GAP_S:
                break
            self.contiguous_until = number
            del self._beyond[number]


async def measure_delay(stack: Stack, plan: Plan) -> Delay:
    """On a started stack, all of it on every core. Raises RuntimeError where a row is missing."""
    port = stack.ports["bench/upstream"]
    ledger, logs = RowWatch(_LEDGER), RowWatch(_LOGS)
    command = python_module("upstream", "--port", str(port))
    async with running("upstream", command, port=port, folder=stack.state_dir):
        key = await provision(stack, upstream_port=port)
        await wait_until_applied(stack)
        watching = [
            asyncio.create_task(watch.run(stack.dsn("superuser"))) for watch in (ledger, logs)
        ]
        try:
            result = await generate(
                LoadSpec(
                    port=stack.ports["relay-0/api"],
                    key=key,
                    connections=_CONNECTIONS,
                    duration_s=plan.delay_s,
                    warm_up_s=1.0,
                    rate_per_s=plan.delay_rate_per_s,
                )
            )
            await wait_until_applied(stack)
            await asyncio.sleep(_GAP_S)
        finally:
            for task in watching:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*watching)
    return Delay(
        requests=result.requests,
        rate_per_s=result.requests_per_s,
        answer_p50_ms=result.latency_ms["p50"],
        answer_p99_ms=result.latency_ms["p99"],
        ledger_ms=_delays(result.finished, ledger),
        row_ms=_delays(result.finished, logs),
    )


def _delays(answers: list[Finished], watch: RowWatch) -> dict[str, float]:
    missing = sum(answer.request_id not in watch.seen_at for answer in answers)
    if missing:
        raise RuntimeError(f"{missing} of {len(answers)} answers have no row")
    delays = [(watch.seen_at[each.request_id] - each.finished_at) * _MS for each in answers]
    return {f"p{share}": percentile(delays, share / 100) for share in (50, 95, 99)}
