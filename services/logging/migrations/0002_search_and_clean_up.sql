-- The newest rows and the sums of a time are read from the index alone, where nothing else is asked.
DROP INDEX logs_created_at_idx;
DROP INDEX logs_user_id_idx;
CREATE INDEX logs_created_at_idx ON logs (created_at, id)
    INCLUDE (type, quota, prompt_tokens, completion_tokens);
CREATE INDEX logs_user_id_idx ON logs (user_id, created_at, id)
    INCLUDE (type, quota, prompt_tokens, completion_tokens);

-- Search. Nearly all rows say one sentence (services/logging/searching.py), which needs no index:
-- the others are found by trigrams, and by their type.
CREATE INDEX logs_type_idx ON logs (type, created_at, id) WHERE type <> 2;
CREATE INDEX logs_model_name_idx ON logs (model_name, created_at, id);
DO $$
BEGIN
    -- The roles' command makes the extension where the server has it (deploy/postgres/roles.py).
    -- Without it a search walks the newest rows, for as long as a list may take.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX logs_content_idx ON logs USING gin (content extensions.gin_trgm_ops)
            WHERE content <> 'API call succeeded';
    END IF;
END
$$;

-- Explaining a request by the id that its upstream gave.
CREATE INDEX logs_upstream_request_id_idx ON logs (upstream_request_id)
    WHERE upstream_request_id <> '';

-- What an admin had deleted: who compares `logs` with the topic leaves out what is older.
CREATE TABLE log_clean_ups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_timestamp bigint NOT NULL, -- Unix seconds; older rows are deleted
    deleted_rows bigint NOT NULL DEFAULT 0,
    started_by bigint NOT NULL, -- a user's id
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz -- null: it was cut off, or goes on
);

-- shared/kafka/outbox.sql
CREATE TABLE event_outbox (
    id bigserial PRIMARY KEY,
    topic text NOT NULL,
    records bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
