-- A deletion is a horizon, whole at once, and then housekeeping that goes on until it is finished.
ALTER TABLE log_clean_ups
    ADD COLUMN kind text NOT NULL DEFAULT 'admin' CHECK (kind IN ('admin', 'retention', 'workspace')),
    ADD COLUMN workspace_id bigint, -- of the kind 'workspace'
    ADD COLUMN phase text NOT NULL DEFAULT 'begun',
    ADD COLUMN partitions_dropped bigint NOT NULL DEFAULT 0,
    ADD COLUMN rows_expected bigint, -- as the counts had it when it began
    ADD COLUMN heartbeat_at timestamptz;
-- What was cut off in an earlier release is behind the horizon now, and is gone on with.
UPDATE log_clean_ups
SET target_timestamp = least(target_timestamp, (SELECT refuse_before FROM log_state))
WHERE finished_at IS NULL;
UPDATE log_clean_ups SET phase = 'finished' WHERE finished_at IS NOT NULL;
CREATE INDEX log_clean_ups_unfinished_idx ON log_clean_ups (id) WHERE finished_at IS NULL;

-- For how long a workspace's rows are kept, where it is shorter than the site's.
CREATE TABLE log_retention (
    workspace_id bigint PRIMARY KEY,
    logs_days integer NOT NULL CHECK (logs_days > 0),
    updated_by bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE log_workspace_horizons (
    workspace_id bigint PRIMARY KEY,
    refuse_before bigint NOT NULL -- Unix seconds, as in log_state
);
-- Events that came after their time was deleted: no row, no figure, but counted here.
CREATE TABLE log_refused (
    hour bigint NOT NULL CHECK (hour % 3600 = 0),
    workspace_id bigint NOT NULL,
    slot smallint NOT NULL,
    events bigint NOT NULL,
    quota bigint NOT NULL,
    PRIMARY KEY (hour, workspace_id, slot)
);

-- Up to when the log is complete, as far as the relays' journals tell.
CREATE TABLE log_freshness (
    topic text PRIMARY KEY,
    complete_until bigint NOT NULL, -- Unix seconds; only ever raised
    checked_at timestamptz NOT NULL DEFAULT now(),
    held_back_by text[] NOT NULL DEFAULT '{}' -- ids of relays whose mark is old
);
