"""What billing and the consumers write of a charge, by hand."""

from typing import Final

CHARGE: Final = "SELECT * FROM billing.ledger_entries WHERE cause = 'request:' || $1::text"
ACCOUNT: Final = """
INSERT INTO billing.accounts
    (workspace_id, balance_units, charged_units, held_units, head_entry_id, head_hash)
SELECT workspace_id, $2, $3, 100, entry_id, entry_hash FROM billing.ledger_entries
WHERE workspace_id = $1 ORDER BY entry_id DESC LIMIT 1
"""
LEASE: Final = """
INSERT INTO billing.leases (lease_id, relay_id, subject, workspace_id, seq, granted_total,
                            used_total, charged_total, is_open, is_short, is_scarce)
VALUES ('lease-' || $1::bigint, 'relay-start-1', 'account:' || $1::bigint, $1, 1, $2 + 100, $2, $2,
        true, false, false)
"""
KEY: Final = """
INSERT INTO billing.token_usage (key_id, workspace_id, used_quota, request_count, held_units)
VALUES (70, $1, $2, 1, 100)
ON CONFLICT (key_id) DO UPDATE
SET used_quota = token_usage.used_quota + EXCLUDED.used_quota,
    request_count = token_usage.request_count + 1
"""
KEY_LEASE: Final = """
INSERT INTO billing.leases (lease_id, relay_id, subject, workspace_id, seq, granted_total,
                            used_total, charged_total, is_open, is_short, is_scarce)
VALUES ('lease-of-70', 'relay-start-1', 'key:70', $1, 1, $2 + 100, $2, $2, true, false, false)
ON CONFLICT (lease_id) DO UPDATE
SET granted_total = leases.granted_total + EXCLUDED.used_total,
    used_total = leases.used_total + EXCLUDED.used_total,
    charged_total = leases.charged_total + EXCLUDED.charged_total
"""
HOUR: Final = """
INSERT INTO billing.quota_data
    (created_at, user_id, username, model_name, token_used, count, quota)
VALUES ($1, $2, $3, $4, $5, 1, $6)
ON CONFLICT (created_at, user_id, model_name, username) DO UPDATE
SET token_used = quota_data.token_used + EXCLUDED.token_used,
    count = quota_data.count + 1, quota = quota_data.quota + EXCLUDED.quota
"""
WATERMARK: Final = """
INSERT INTO {schema}.consumer_watermarks (consumer_group, topic, partition, next_offset)
VALUES ('{schema}', $1, $2, $3)
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
"""
