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
