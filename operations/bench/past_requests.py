"""A day of requests that is over, as the topic and the tables have it, for who compares them.

Number by number both say the same: a request's figures follow from its number, here and in SQL.
The hashes of the entries are of the right size, and of nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from operations.bench.made_events import made_records
from shared.kafka.records import OutgoingRecord

DAY: Final = timedelta(days=1)
_KEYS: Final = 4
_MODELS: Final = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini")
_FAILED_OF: Final = 47
"""One of so many failed and cost nothing: it has a log row, and no entry."""


@dataclass(frozen=True, kw_only=True)
class PastDay:
    """So many requests, evenly over a day and in turn over the workspaces."""

    requests: int
    workspaces: int
    begins_at: datetime

    @property
    def step(self) -> timedelta:
        """From one request's end to the next one's."""
        return DAY / self.requests


def past_records(day: PastDay) -> Iterator[OutgoingRecord]:
    """All of them, as a relay published them."""
    (made,) = made_records(1, workspaces=1)
    told = orjson.loads(made.value or b"")
    headers = dict(made.headers)
    for number in range(day.requests):
        request_id = f"019c0000-0000-7000-8000-{number:012x}"
        workspace_id = number % day.workspaces + 1
        at = day.begins_at + number * day.step
        failed = number % _FAILED_OF == _FAILED_OF - 1
        told |= {
            "request_id": request_id,
            "workspace_id": workspace_id,
            "key_id": workspace_id * 100 + number // day.workspaces % _KEYS,
            "user_id": workspace_id * 10,
            "username": f"user-{workspace_id * 10}",
            "requested_model": _MODELS[number // 7 % len(_MODELS)],
            "outcome": "failed" if failed else "succeeded",
            "error_code": "upstream_timeout" if failed else None,
            "quota": 0 if failed else 40 + number % 25,
            "completed_at": at,
        }
        headers["ce_id"] = request_id.encode()
        yield OutgoingRecord(
            topic=made.topic,
            key=b"%d" % workspace_id,
            value=orjson.dumps(told, option=orjson.OPT_UTC_Z),
            headers=tuple(headers.items()),
        )


_NUMBERED: Final = f"""
SELECT n, '019c0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS request_id,
       n % $3 + 1 AS workspace_id, (n % $3 + 1) * 10 AS user_id,
       (n % $3 + 1) * 100 + n / $3 % {_KEYS} AS key_id,
       ('{{{",".join(_MODELS)}}}'::text[])[n / 7 % {len(_MODELS)} + 1] AS model,
       n % {_FAILED_OF} = {_FAILED_OF - 1} AS failed,
       CASE WHEN n % {_FAILED_OF} = {_FAILED_OF - 1} THEN 0 ELSE 40 + n % 25 END AS quota,
       $4::timestamptz + n * $5::interval AS at
FROM generate_series($1::bigint, $2::bigint - 1) AS n
"""
ENTRIES: Final = f"""
INSERT INTO billing.ledger_entries (entry_id, workspace_id, kind, cause, amount_units,
    balance_after_units, key_id, user_id, model, posted_at, rating_key, detail, detail_hash,
    prev_hash, entry_hash)
SELECT n + 1, workspace_id, 'charge', 'request:' || request_id, -quota, 0, key_id, user_id, model,
       at, substring(sha256('ratios') FOR 16), $6::json, sha256('detail'),
       sha256(int8send(n)), sha256(int8send(n + 1))
FROM ({_NUMBERED}) AS numbered WHERE NOT failed
"""
LOG_ROWS: Final = f"""
INSERT INTO logging.logs (event_id, workspace_id, user_id, created_at, type, content, username,
    token_name, model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream,
    channel_id, channel_name, token_id, "group", ip, request_id, upstream_request_id, other)
SELECT request_id::uuid, workspace_id, user_id, floor(extract(epoch FROM at)),
       CASE WHEN failed THEN 4 ELSE 2 END,
       CASE WHEN failed THEN 'upstream_timeout' ELSE 'API call succeeded' END,
       'user-' || user_id, 'key ' || key_id, model, quota, 200, 50, 1, false, 1, 'primary', key_id,
       'default', '192.0.2.1', request_id, '', $6
FROM ({_NUMBERED}) AS numbered
"""
PARTITIONS: Final = """
SELECT logging.ensure_partition('logs', day, day + 86400) FROM generate_series(
    floor(extract(epoch FROM $1::timestamptz) / 86400)::bigint * 86400,
    floor(extract(epoch FROM $2::timestamptz))::bigint, 86400
) AS day
"""
"""For the log rows between two times."""
SUMS: Final = (
    """
    INSERT INTO billing.ledger_entries (entry_id, workspace_id, kind, cause, amount_units,
        balance_after_units, posted_at, prev_hash, entry_hash)
    SELECT max(entry_id) OVER () + row_number() OVER (), workspace_id, 'top_up',
           'top_up:' || workspace_id, -sum, 0, now(), sha256('before'), sha256('it')
    FROM (SELECT workspace_id, sum(amount_units), max(entry_id) AS entry_id
          FROM billing.ledger_entries GROUP BY workspace_id) AS accounts
    """,
    """
    INSERT INTO billing.accounts (workspace_id, balance_units, charged_units)
    SELECT workspace_id, 0, -sum(amount_units)
    FROM billing.ledger_entries WHERE kind = 'charge' GROUP BY workspace_id
    """,
    """
    INSERT INTO billing.token_usage (key_id, workspace_id, used_quota, request_count)
    SELECT key_id, workspace_id, -sum(amount_units), count(*)
    FROM billing.ledger_entries WHERE kind = 'charge' GROUP BY key_id, workspace_id
    """,
    """
    INSERT INTO billing.quota_data
        (created_at, user_id, username, model_name, token_used, count, quota)
    SELECT floor(extract(epoch FROM posted_at) / 3600)::bigint * 3600, user_id, 'user-' || user_id,
           model, count(*) * 250, count(*), -sum(amount_units)
    FROM billing.ledger_entries WHERE kind = 'charge' GROUP BY 1, user_id, model
    """,
    "ANALYZE",
)
"""What follows from the entries."""
