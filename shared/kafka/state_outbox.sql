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
