-- What billing.ledger told: for showing only, and behind by the consumer's lag. Billing alone refuses.
CREATE TABLE balances (
    workspace_id bigint PRIMARY KEY,
    quota_units bigint NOT NULL, -- the balance after `last_entry_id`
    used_units bigint NOT NULL,
    request_count bigint NOT NULL,
    -- Entries of a workspace come in order of id; what is not above this was applied.
    last_entry_id bigint NOT NULL,
    as_of timestamptz NOT NULL -- `posted_at` of the newest entry
) WITH (fillfactor = 50);

CREATE TABLE key_use (
    key_id bigint PRIMARY KEY,
    used_units bigint NOT NULL,
    request_count bigint NOT NULL,
    remain_units bigint, -- of the setting `quota_version`; null where the key was unlimited
    quota_version bigint,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- As in shared/kafka/watermarks.sql.
CREATE TABLE consumer_watermarks (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    last_event_id text,
    last_timestamp_ms bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
);
-- An operator's word that what a partition lost is lost (shared.kafka.gaps.accept_gap).
CREATE TABLE consumer_accepted_gaps (
    id bigserial PRIMARY KEY,
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    -- Filled when the consumer goes on: the reason, the old watermark and the new one.
    applied_at timestamptz,
    reason text,
    from_offset bigint,
    to_offset bigint
);
