-- What charges of the past would have been with other prices. A run is worked through in chunks,
-- each with its sums in one transaction, so that it can be taken up where it was left.
CREATE TABLE what_if_runs (
    run_id bigserial PRIMARY KEY,
    state text NOT NULL CHECK (
        state IN ('waiting', 'rating', 'rated', 'posting', 'posted', 'cancelled', 'failed')),
    -- The question, and the prices as they were when it was asked.
    asked json NOT NULL,
    prices json NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    workspace_id bigint,
    model text,
    -- The entries from next_entry_id to last_entry_id are still to be rated.
    next_entry_id bigint NOT NULL DEFAULT 0,
    last_entry_id bigint NOT NULL,
    entries_done bigint NOT NULL DEFAULT 0,
    entries_total bigint NOT NULL,
    -- Entries that say too little of what they were reckoned from.
    not_rateable bigint NOT NULL DEFAULT 0,
    -- Those from here on are still to be posted, where the differences are.
    next_post_entry_id bigint NOT NULL DEFAULT 0,
    -- Until then one instance works on it.
    claimed_until timestamptz,
    created_by bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

CREATE TABLE what_if_sums (
    run_id bigint NOT NULL REFERENCES what_if_runs ON DELETE CASCADE,
    workspace_id bigint NOT NULL,
    model text NOT NULL,
    requests bigint NOT NULL,
    old_units bigint NOT NULL,
    new_units bigint NOT NULL,
    PRIMARY KEY (run_id, workspace_id, model)
);
