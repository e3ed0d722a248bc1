"""What can happen to money, in any order; by billing's own code."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg

from services.billing.budgets.changing import remove_budget
from services.billing.budgets.posting import close_due
from services.billing.budgets.zones import follow_zones
from services.billing.grants.expiring import expire_ended
from shared.events.budgets import BudgetPeriod
from shared.events.requests import RequestCompleted
from shared.http.envelope import EnvelopeError
from shared.postgres.retrying import in_transaction
from tests.integration.billing.charges import post, request
from tests.integration.billing.lease_messages import fund
from tests.integration.billing.test_adjustments import correct, move
from tests.integration.billing.test_budgets import ANYBODY, back, change, make
from tests.integration.billing.test_grants import grant
from tests.integration.billing.test_refunds import give_back

_MOST_BUDGETS = 8


class RandomMoves:
    """Of workspace 1, and transfers to workspace 2. The same seed, the same moves."""

    def __init__(self, pool: asyncpg.Pool, seed: int) -> None:
        self._pool = pool
        self._chance = Random(seed)  # noqa: S311 - a failure must be repeatable
        self._events: list[RequestCompleted] = []
        self._key = ""
        self._moves = [
            *[self._charge] * 6,
            *[self._give_back, self._correct, self._grant] * 3,
            *[self._end_a_grant, self._transfer, self._budget, self._remove_budget],
            *[self._cut_a_period, self._end_periods],
        ]

    async def begin(self) -> None:
        """A little money, and budgets that are some days old."""
        await fund(self._pool, 10_000)
        for days in range(3):
            project = self._chance.choice([None, 5])
            await back(self._pool, await make(self._pool, project_id=project), days)

    async def one(self) -> None:
        """One move; where billing refuses it, nothing changes."""
        self._key += "k"
        with suppress(EnvelopeError):
            await self._chance.choice(self._moves)()

    async def finish(self) -> None:
        """A grant of which something is left, and the end of all of them."""
        await fund(self._pool, 100_000)
        await grant(self._pool, 100, key="the last one")
        await self._pool.execute("UPDATE grants SET expires_at = now() WHERE expires_at > now()")
        assert await expire_ended(self._pool) >= 100

    async def _charge(self) -> None:
        made = [
            request(
                quota=self._chance.randrange(200),
                completed_at=datetime.now(UTC)
                - timedelta(days=self._chance.choice([0, 0, 0.4, 1, 2, 3, 9])),
                project=self._chance.choice([None, 5, 6]),
                provider=self._chance.choice([None, 8]),
            )
            for _ in range(self._chance.randrange(1, 5))
        ]
        await post(self._pool, *made)
        self._events += made

    async def _give_back(self) -> None:
        units = self._chance.choice([None, self._chance.randrange(1, 90)])
        await give_back(self._pool, self._event(), key=self._key, units=units)

    async def _correct(self) -> None:
        of = self._chance.choice([None, self._event().request_id])
        units = self._chance.randrange(-150, 90) or 1
        await correct(self._pool, key=self._key, quota_units=units, refers_to_request_id=of)

    async def _grant(self) -> None:
        await grant(self._pool, self._chance.randrange(1, 400), key=self._key)

    async def _end_a_grant(self) -> None:
        await self._pool.execute(
            "UPDATE grants SET expires_at = now() WHERE grant_id ="
            " (SELECT min(grant_id) FROM grants WHERE expires_at > now())"
        )
        await expire_ended(self._pool)

    async def _transfer(self) -> None:
        await move(self._pool, key=self._key, units=self._chance.randrange(1, 300))

    async def _budget(self) -> None:
        alive = "SELECT count(*) FROM budgets WHERE deleted_at IS NULL"
        if await self._pool.fetchval(alive) < _MOST_BUDGETS:
            await make(self._pool, provider_id=self._chance.choice([None, 8]))

    async def _remove_budget(self) -> None:
        budget = await self._a_budget()
        await in_transaction(
            self._pool, lambda connection: remove_budget(connection, ANYBODY, budget)
        )

    async def _cut_a_period(self) -> None:
        kind = self._chance.choice(list(BudgetPeriod))
        await change(self._pool, await self._a_budget(), period=kind)

    async def _end_periods(self) -> None:
        """Some, in the middle, as if it were their midnight."""
        await self._pool.execute(
            "UPDATE budgets SET period_end = now() WHERE deleted_at IS NULL"
            " AND period_start < now() AND id % 2 = $1",
            self._chance.randrange(2),
        )
        zones = {1: self._chance.choice(["UTC", "Asia/Kathmandu"])}
        await follow_zones(self._pool, zones.get)
        await close_due(self._pool, 100)

    def _event(self) -> RequestCompleted:
        if not self._events:
            raise EnvelopeError("nothing was charged yet")
        return self._chance.choice(self._events)

    async def _a_budget(self) -> int:
        rows = await self._pool.fetch("SELECT id FROM budgets ORDER BY id")
        return int(self._chance.choice(rows)["id"])
