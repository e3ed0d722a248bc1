-- What shared.kafka keeps in the schema of each service that reads and publishes.
-- Into the service's first migration (each service that reads kept topics, as its owner role).
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
-- Into the first migration of each service that publishes to kept topics.
-- One row may carry many records (shared.kafka.outbox_rows).
CREATE TABLE event_outbox (
    id bigserial PRIMARY KEY,
    topic text NOT NULL,
    records bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Into the first migration of each service that publishes to state (compacted) topics.
-- A mark says that a key's row has changed, and nothing of what it is now.
CREATE SEQUENCE state_outbox_version;
CREATE TABLE state_outbox (
    topic text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL DEFAULT nextval('state_outbox_version'),
    marked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, key)
);
