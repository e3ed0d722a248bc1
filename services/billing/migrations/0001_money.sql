-- Money: accounts, the ledger, leases, and what was used by key and by hour.
-- Locks are taken in one order everywhere: accounts, keys (token_usage), leases, hours (quota_data),
-- each by its key. fillfactor leaves room for updates in place.

-- A workspace's account has the workspace's id, and is made when it is first met.
CREATE TABLE accounts (
    workspace_id bigint PRIMARY KEY,
    balance_units bigint NOT NULL DEFAULT 0,
    -- What leases hold, and what they have used that is not charged yet; see granting.py.
    held_units bigint NOT NULL DEFAULT 0 CHECK (held_units >= 0),
    uncharged_units bigint NOT NULL DEFAULT 0 CHECK (uncharged_units >= 0),
    charged_units bigint NOT NULL DEFAULT 0,
    short_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE ledger_entries (
    entry_id bigserial PRIMARY KEY,
    workspace_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('charge', 'top_up', 'release')),
    -- `request:<id>`, `top_up:<key>`, `release:<id>`: the same cause never moves money twice.
    cause text NOT NULL UNIQUE,
    amount_units bigint NOT NULL,
    balance_after_units bigint NOT NULL,
    excess_units bigint NOT NULL DEFAULT 0,
    exposure_units bigint NOT NULL DEFAULT 0,
    key_id bigint,
    user_id bigint,
    model text,
    actor_user_id bigint,
    actor_name text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    posted_at timestamptz NOT NULL
);
CREATE INDEX ledger_entries_by_workspace ON ledger_entries (workspace_id, entry_id);

-- The ledger only grows. The role that runs has no right to change it, and its owner is stopped too.
REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries FROM billing;
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries are never changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER ledger_entries_never_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Totals since the lease began; see shared/leases/protocol.py.
CREATE TABLE leases (
    lease_id text PRIMARY KEY,
    -- Empty while only a charge has named the lease, and its relay has not.
    relay_id text NOT NULL,
    workspace_id bigint NOT NULL,
    seq bigint NOT NULL,
    granted_total bigint NOT NULL,
    used_total bigint NOT NULL,
    charged_total bigint NOT NULL,
    is_open boolean NOT NULL,
    -- The flags of the last answer.
    is_short boolean NOT NULL,
    is_scarce boolean NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    close_reason text
) WITH (fillfactor = 50);
CREATE INDEX leases_by_workspace ON leases (workspace_id);
CREATE INDEX leases_open ON leases (lease_id) WHERE is_open;

-- What each key has spent.
CREATE TABLE token_usage (
    key_id bigint PRIMARY KEY,
    workspace_id bigint NOT NULL,
    used_quota bigint NOT NULL,
    request_count bigint NOT NULL,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What each user used of each model, by the hour of `completed_at`.
CREATE TABLE quota_data (
    id bigserial PRIMARY KEY,
    created_at bigint NOT NULL CHECK (created_at % 3600 = 0),
    user_id bigint NOT NULL,
    username text NOT NULL,
    model_name text NOT NULL,
    token_used bigint NOT NULL,
    count bigint NOT NULL,
    quota bigint NOT NULL,
    UNIQUE (created_at, user_id, model_name, username)
) WITH (fillfactor = 50);
