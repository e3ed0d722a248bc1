-- The chain: each entry carries its own hash and that of its account's entry before it, so that a
-- change of any entry shows in all that follow. How they are reckoned: shared/money/chain.py.
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_kind_check,
    ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN ('charge', 'top_up', 'release', 'refund',
        'grant', 'expiry', 'adjustment', 'transfer')),
    -- The charge that this entry is of. Not a foreign key: that would cost each charge a trigger,
    -- and an entry that is there once is there for ever.
    ADD COLUMN refers_to_entry_id bigint,
    -- The moment whose hour and budget period it counts to; null: posted_at.
    ADD COLUMN bucket_at timestamptz,
    -- What it was reckoned from. `json` keeps the bytes that are hashed, which `jsonb` would not.
    ADD COLUMN rating_key bytea,
    ADD COLUMN detail json,
    ADD COLUMN detail_hash bytea CHECK (octet_length(detail_hash) = 32),
    ADD COLUMN prev_hash bytea,
    ADD COLUMN entry_hash bytea,
    ADD CONSTRAINT a_refund_gives_back
        CHECK (kind <> 'refund' OR (amount_units > 0 AND refers_to_entry_id IS NOT NULL)),
    ADD CONSTRAINT a_reference_has_a_bucket
        CHECK (refers_to_entry_id IS NULL OR bucket_at IS NOT NULL);
-- Entries from before the chain have no hashes; new ones must.
ALTER TABLE ledger_entries ADD CONSTRAINT new_entries_are_chained
    CHECK (octet_length(prev_hash) IS NOT DISTINCT FROM 32
        AND octet_length(entry_hash) IS NOT DISTINCT FROM 32) NOT VALID;
CREATE INDEX ledger_entries_by_time ON ledger_entries USING brin (posted_at);
CREATE INDEX ledger_entries_referring ON ledger_entries (refers_to_entry_id)
    WHERE refers_to_entry_id IS NOT NULL;

-- The ratios that charges were rated with, once each: they are the same for thousands of requests.
CREATE TABLE rating_snapshots (
    -- The first 16 bytes of the SHA-256 of `rating`.
    rating_key bytea PRIMARY KEY CHECK (octet_length(rating_key) = 16),
    rating json NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now()
);
REVOKE UPDATE, DELETE, TRUNCATE ON rating_snapshots FROM billing;

-- The last entry, and its hash: null until the account's chain begins.
ALTER TABLE accounts ADD COLUMN head_entry_id bigint NOT NULL DEFAULT 0, ADD COLUMN head_hash bytea;
UPDATE accounts SET head_entry_id = last.entry_id
FROM (SELECT workspace_id, max(entry_id) AS entry_id FROM ledger_entries GROUP BY workspace_id) AS last
WHERE last.workspace_id = accounts.workspace_id;
