-- What a key may spend, beside what it has spent: a lease may be a key's as well as an account's.

-- A key may be known by its limit before it is used, and used before its limit is known.
ALTER TABLE token_usage
    ALTER COLUMN used_quota SET DEFAULT 0,
    ALTER COLUMN request_count SET DEFAULT 0,
    ALTER COLUMN last_used_at DROP NOT NULL,
    -- On `used_quota`; null: none.
    ADD COLUMN limit_units bigint,
    -- The setting of control's that `limit_units` is of; null: none was heard of yet.
    ADD COLUMN quota_version bigint,
    -- As an account's; see granting.py.
    ADD COLUMN held_units bigint NOT NULL DEFAULT 0 CHECK (held_units >= 0),
    ADD COLUMN uncharged_units bigint NOT NULL DEFAULT 0 CHECK (uncharged_units >= 0),
    ADD COLUMN short_until timestamptz,
    ADD CONSTRAINT a_limit_is_of_a_version CHECK (limit_units IS NULL OR quota_version IS NOT NULL);

-- `account:<workspace_id>` or `key:<key_id>`, as relays say it. The workspace is whose it is in the end.
ALTER TABLE leases ADD COLUMN subject text;
UPDATE leases SET subject = 'account:' || workspace_id;
ALTER TABLE leases ALTER COLUMN subject SET NOT NULL;
CREATE INDEX leases_by_subject ON leases (subject, lease_id);
