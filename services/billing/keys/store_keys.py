"""Rows of `token_usage`: what each key has spent, may spend, and what its leases hold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.billing.charging.sums import KeyUse
from services.billing.keys.key_quota import KeyQuota
from services.billing.leases.granting import SubjectFigures
from shared.events.numbers import MAX_QUOTA_UNITS
from shared.postgres.retrying import Connection

_COLUMNS: Final = """key_id, workspace_id, used_quota, limit_units, quota_version, held_units,
uncharged_units, short_until"""
# Microseconds as integers: the client library takes ten times as long for a datetime.
_COUNT: Final = f"""
WITH counted AS (
    INSERT INTO token_usage AS usage (key_id, workspace_id, used_quota, request_count, last_used_at)
    SELECT key_id, workspace_id, quota, requests,
        'epoch'::timestamptz + last_used_us * interval '1 microsecond'
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS used (key_id, workspace_id, quota, requests, last_used_us)
    ORDER BY key_id
    ON CONFLICT (key_id) DO UPDATE
    SET used_quota = usage.used_quota + EXCLUDED.used_quota,
        request_count = usage.request_count + EXCLUDED.request_count,
        last_used_at = greatest(usage.last_used_at, EXCLUDED.last_used_at)
    RETURNING {_COLUMNS}
)
SELECT {_COLUMNS} FROM counted WHERE limit_units IS NOT NULL OR key_id = ANY($6::bigint[])
"""
_LOCK: Final = f"""
SELECT {_COLUMNS} FROM token_usage WHERE key_id = ANY($1::bigint[]) ORDER BY key_id FOR UPDATE
"""
_WRITE: Final = """
UPDATE token_usage AS usage
SET held_units = changed.held, uncharged_units = changed.uncharged,
    short_until = changed.short_until
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[])
    AS changed (id, held, uncharged, short_until)
WHERE usage.key_id = changed.id
"""
# `used_quota` is read under the row's lock, so that no charge comes between it and the limit. What
# is applied already is left out before that: a restart locks and writes nothing.
_APPLY: Final = """
INSERT INTO token_usage AS usage (key_id, workspace_id, limit_units, quota_version)
SELECT told.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS told (key_id, workspace_id, remain, version)
WHERE NOT EXISTS (
    SELECT FROM token_usage AS known
    WHERE known.key_id = told.key_id AND known.quota_version >= told.version)
ORDER BY told.key_id
ON CONFLICT (key_id) DO UPDATE
SET limit_units = usage.used_quota + EXCLUDED.limit_units, workspace_id = EXCLUDED.workspace_id,
    quota_version = EXCLUDED.quota_version
WHERE usage.quota_version IS NULL OR usage.quota_version < EXCLUDED.quota_version
"""


class KeyRow(NamedTuple):
    """A key under lock."""

    key_id: int
    workspace_id: int
    used_units: int
    limit_units: int | None
    """On what it has used; None: it has no limit, or none is known yet."""
    quota_version: int | None
    """The setting that the limit is of; None: none was heard of yet."""
    held_units: int
    uncharged_units: int
    short_until: datetime | None

    @property
    def figures(self) -> SubjectFigures:
        """What decides over its leases. A key without a limit can hold what any request can."""
        limit = self.limit_units
        return SubjectFigures(
            balance_units=MAX_QUOTA_UNITS if limit is None else limit - self.used_units,
            held_units=self.held_units,
            uncharged_units=self.uncharged_units,
            short_until=self.short_until,
        )


async def count_keys(
    connection: Connection, uses: Mapping[int, KeyUse], *, with_leases: Collection[int]
) -> dict[int, KeyRow]:
    """Add what was used, in order of key. Answers the keys with a limit, and those `with_leases`.

    Locks every key of `uses`.
    """
    items = sorted(uses.items())
    rows = await connection.fetch(
        _COUNT,
        [key_id for key_id, _ in items],
        [use.workspace_id for _, use in items],
        [use.quota_units for _, use in items],
        [use.requests for _, use in items],
        [use.last_used_at_us for _, use in items],
        list(with_leases),
    )
    return {row["key_id"]: KeyRow(*row) for row in rows}


async def lock_keys(connection: Connection, key_ids: Iterable[int]) -> dict[int, KeyRow]:
    """Lock those of these keys that billing knows, after the accounts and before any lease."""
    wanted = sorted(set(key_ids))
    if not wanted:
        return {}
    return {row["key_id"]: KeyRow(*row) for row in await connection.fetch(_LOCK, wanted)}


async def write_keys(connection: Connection, keys: Mapping[int, SubjectFigures]) -> None:
    """Write what the leases of locked keys hold."""
    if not keys:
        return
    ids = sorted(keys)
    figures = [keys[i] for i in ids]
    await connection.execute(
        _WRITE,
        ids,
        [k.held_units for k in figures],
        [k.uncharged_units for k in figures],
        [k.short_until for k in figures],
    )


async def apply_quotas(connection: Connection, quotas: Sequence[KeyQuota]) -> int:
    """Set limits: what the ledger has charged so far, and what may be spent from now on.

    Each version is applied once, whoever does it and however often; an older one never. Answers
    how many were new. One quota for each key.
    """
    status = await connection.execute(
        _APPLY,
        [quota.key_id for quota in quotas],
        [quota.workspace_id for quota in quotas],
        [quota.remain_units for quota in quotas],
        [quota.version for quota in quotas],
    )
    return int(status.rpartition(" ")[2])
