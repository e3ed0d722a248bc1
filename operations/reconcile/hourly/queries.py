"""The queries of the report. $1 is the first hour, $2 one workspace or null for all.

Those that end in `_OF` take hours and workspaces as two arrays, of the same length.
"""

from typing import Final

from operations.reconcile.hourly.sums import WEIGHTS
from operations.reconcile.tables import OWN_ROWS

# `sums.mark_of` of a text.
_MARK: Final = "('x' || right(md5({id}), 12))::bit(48)::bigint"
# What is of a charge counts to the charge's hour.
_HOUR: Final = "date_bin('1 hour', coalesce(bucket_at, posted_at), 'epoch')"
CHARGES: Final = f"""
SELECT extract(epoch FROM hour)::bigint AS hour, workspace_id, count(*) AS count,
       sum(units)::bigint AS units, bit_xor(mark) AS marks,
       sum(units * (mark % {WEIGHTS})) AS weighed
FROM (
    SELECT {_HOUR} AS hour, workspace_id, -amount_units AS units,
           {_MARK.format(id="substr(cause, 9)")} AS mark
    FROM billing.ledger_entries
    WHERE kind = 'charge' AND starts_with(cause, 'request:') AND posted_at >= $1
      AND ($2::bigint IS NULL OR workspace_id = $2)
) AS charges GROUP BY 1, 2
"""
LOG_ROWS: Final = f"""
SELECT hour, workspace_id, count(*) AS count, sum(quota)::bigint AS units,
       bit_xor(CASE type WHEN 2 THEN mark ELSE mark << 1 | 1 END) AS marks,
       sum(quota * (mark % {WEIGHTS})) AS weighed
FROM (
    SELECT created_at - created_at % 3600 AS hour, workspace_id, quota, type,
           {_MARK.format(id="request_id")} AS mark
    FROM logging.logs
    WHERE {OWN_ROWS} AND created_at >= extract(epoch FROM $1::timestamptz)
      AND ($2::bigint IS NULL OR workspace_id = $2)
) AS rows GROUP BY 1, 2
"""
# `quota_data` knows no workspaces. Where a user used a model in several of them within an hour,
# what is too much or too little is told of the one where it was used most; of 0 where of none.
_SHARES: Final = f"""
WITH entries AS (
    SELECT {_HOUR} AS hour, coalesce(user_id, 0) AS user_id, coalesce(model, '') AS model,
           workspace_id, count(*) FILTER (WHERE kind = 'charge') AS count,
           -sum(amount_units) AS units
    FROM billing.ledger_entries
    WHERE ((kind = 'charge' AND starts_with(cause, 'request:')) OR refers_to_entry_id IS NOT NULL)
      AND posted_at >= $1 AND coalesce(bucket_at, posted_at) >= $1
    GROUP BY 1, 2, 3, 4
), shares AS (
    SELECT extract(epoch FROM hour)::bigint AS hour, user_id, model, workspace_id, count, units,
           row_number() OVER most_used AS rank, sum(count) OVER all_of_it AS all_count,
           sum(units) OVER all_of_it AS all_units
    FROM entries
    WINDOW all_of_it AS (PARTITION BY hour, user_id, model),
           most_used AS (PARTITION BY hour, user_id, model ORDER BY count DESC, workspace_id)
), data AS (
    SELECT created_at AS hour, user_id, model_name AS model, sum(count) AS count,
           sum(quota) AS units
    FROM billing.quota_data WHERE created_at >= extract(epoch FROM $1::timestamptz)
    GROUP BY 1, 2, 3
), compared AS (
    SELECT hour, user_id, model, coalesce(workspace_id, 0) AS workspace_id,
           coalesce(rank, 1) AS rank, coalesce(shares.count, 0) AS count,
           coalesce(shares.units, 0) AS units, coalesce(all_count, 0) AS all_count,
           coalesce(all_units, 0) AS all_units, coalesce(data.count, 0) AS data_count,
           coalesce(data.units, 0) AS data_units
    FROM shares FULL JOIN data USING (hour, user_id, model)
)
"""
HOURS: Final = f"""{_SHARES}
SELECT hour, workspace_id,
       sum(CASE rank WHEN 1 THEN count + data_count - all_count ELSE count END)::bigint AS count,
       sum(CASE rank WHEN 1 THEN units + data_units - all_units ELSE units END)::bigint AS units
FROM compared WHERE $2::bigint IS NULL OR workspace_id = $2
GROUP BY 1, 2
"""
DIFFERING_HOURS: Final = f"""{_SHARES}
SELECT hour, workspace_id, user_id, model, data_count::bigint, data_units::bigint,
       all_count::bigint, all_units::bigint
FROM compared
WHERE rank = 1 AND (data_count, data_units) <> (all_count, all_units)
  AND ($2::bigint IS NULL OR workspace_id = $2)
"""
OTHER_KINDS: Final = f"""
SELECT extract(epoch FROM {_HOUR})::bigint AS hour, workspace_id, kind, count(*) AS count,
       sum(amount_units)::bigint AS units
FROM billing.ledger_entries
WHERE kind <> 'charge' AND posted_at >= $1 AND coalesce(bucket_at, posted_at) >= $1
  AND ($2::bigint IS NULL OR workspace_id = $2)
GROUP BY 1, 2, 3
"""
_WANTED: Final = "unnest($1::bigint[], $2::bigint[]) AS wanted (hour, workspace_id)"
CHARGES_OF: Final = f"""
SELECT extract(epoch FROM {_HOUR})::bigint AS hour, e.workspace_id,
       substr(cause, 9) AS request_id, -amount_units AS charged_units, posted_at
FROM billing.ledger_entries AS e
JOIN {_WANTED} ON e.workspace_id = wanted.workspace_id
              AND e.posted_at >= to_timestamp(wanted.hour)
              AND e.posted_at < to_timestamp(wanted.hour + 3600)
WHERE kind = 'charge' AND starts_with(cause, 'request:')
"""
LOG_ROWS_OF: Final = f"""
SELECT wanted.hour, wanted.workspace_id, event_id, request_id, quota, type, created_at
FROM logging.logs AS l
JOIN {_WANTED} ON l.workspace_id = wanted.workspace_id
              AND l.created_at BETWEEN wanted.hour AND wanted.hour + 3599
WHERE {OWN_ROWS}
"""
