-- What happened, for people: one row for each request, top-up, released lease and admin's action.
CREATE TABLE logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The event it tells of. What is delivered twice makes one row.
    event_id uuid NOT NULL,
    workspace_id bigint NOT NULL,
    user_id bigint NOT NULL,
    created_at bigint NOT NULL, -- Unix seconds
    type smallint NOT NULL CHECK (type BETWEEN 1 AND 5),
    content text NOT NULL,
    username text NOT NULL,
    token_name text NOT NULL,
    model_name text NOT NULL,
    quota bigint NOT NULL,
    prompt_tokens integer NOT NULL,
    completion_tokens integer NOT NULL,
    use_time bigint NOT NULL, -- seconds
    is_stream boolean NOT NULL,
    channel_id bigint NOT NULL,
    channel_name text NOT NULL,
    token_id bigint NOT NULL,
    "group" text NOT NULL,
    ip text NOT NULL,
    request_id text NOT NULL,
    upstream_request_id text NOT NULL,
    other text NOT NULL
);
CREATE UNIQUE INDEX logs_event_id_key ON logs (event_id);
-- Each list is newest first by (created_at, id): with id first a filter by time reads everything.
CREATE INDEX logs_created_at_idx ON logs (created_at, id);
CREATE INDEX logs_user_id_idx ON logs (user_id, created_at, id);
CREATE INDEX logs_token_id_idx ON logs (token_id, created_at, id);
-- A request's row is found by event_id; only the others need a way by request_id.
CREATE INDEX logs_request_id_idx ON logs (request_id) WHERE type NOT IN (2, 4);

-- shared/kafka/watermarks.sql
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
