-- Units that were given until a day. Charges are paid from the lot that expires first.
CREATE TABLE grants (
    grant_id bigserial PRIMARY KEY,
    workspace_id bigint NOT NULL,
    entry_id bigint NOT NULL REFERENCES ledger_entries,
    granted_units bigint NOT NULL CHECK (granted_units > 0),
    remaining_units bigint NOT NULL CHECK (remaining_units BETWEEN 0 AND granted_units),
    expires_at timestamptz NOT NULL,
    -- How many entries have taken what expired: what leases still held is taken later.
    expiries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX grants_open ON grants (workspace_id, expires_at, grant_id) WHERE remaining_units > 0;
