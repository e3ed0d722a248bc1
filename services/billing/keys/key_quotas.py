"""Writing what control says that keys may spend to the database, in the background."""

import asyncio
from functools import partial
from itertools import islice
from typing import Final

import asyncpg

from services.billing.keys.key_quota import KeyQuota, quota_of
from services.billing.keys.store_keys import apply_quotas
from shared.events.directory import KeyListed
from shared.postgres.failures import describe_error
from shared.postgres.retrying import DATABASE_AWAY, backoff_s, in_transaction
from shared.telemetry.logs import get_logger

_BATCH: Final = 1_000
_FIRST_BACKOFF_S: Final = 0.1

_logger = get_logger()


class KeyQuotas:
    """Settings that wait to be applied: the newest of each key. Several billings may do the same.

    A version is applied once, which the database decides: what a restart reads again, and what
    another billing has applied, changes nothing.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: dict[int, KeyQuota] = {}
        self._noted = asyncio.Event()
        self._was_empty = False

    @property
    def waiting(self) -> int:
        """How many keys' settings are not applied yet."""
        return len(self._waiting)

    def note(self, event: KeyListed) -> None:
        """Have the setting applied soon."""
        quota = quota_of(event)
        if quota is None:
            return
        known = self._waiting.get(quota.key_id)
        if known is None or known.version < quota.version:
            self._waiting[quota.key_id] = quota
            self._noted.set()

    def have_caught_up(self) -> bool:
        """Whether all that was noted before the first time that this is asked has been applied.

        Once true, it stays so. Ask it when the directory has been read.
        """
        self._was_empty = self._was_empty or not self._waiting
        return self._was_empty

    async def apply_always(self) -> None:
        """Apply what is noted until cancelled. A database that is away is waited for."""
        failures = 0
        while True:
            await self._noted.wait()
            try:
                await self._apply_some()
            except DATABASE_AWAY as error:
                _logger.warning("key_quotas.not_applied", **describe_error(error))
            else:
                failures = 0
                continue
            failures += 1
            await asyncio.sleep(backoff_s(failures, first_s=_FIRST_BACKOFF_S))

    async def _apply_some(self) -> None:
        """One batch, by the order in which they came. What changed meanwhile goes on waiting."""
        batch = list(islice(self._waiting.values(), _BATCH))
        await in_transaction(self._pool, partial(apply_quotas, quotas=batch), idempotent=True)
        for quota in batch:
            if self._waiting[quota.key_id] is quota:
                del self._waiting[quota.key_id]
        if not self._waiting:
            self._noted.clear()
