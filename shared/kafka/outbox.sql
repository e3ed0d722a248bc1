-- Into the first migration of each service that publishes to kept topics.
-- One row may carry many records (shared.kafka.outbox_rows).
CREATE TABLE event_outbox (
    id bigserial PRIMARY KEY,
    topic text NOT NULL,
    records bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
