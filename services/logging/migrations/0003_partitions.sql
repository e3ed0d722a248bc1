-- `logs` in partitions by time, so that history goes by dropping tables and not by deleting rows, and
-- with the columns of a request log. What is null is not known; rows from before this have them null.

ALTER TABLE logs RENAME TO logs_before;
-- A partition takes its ids from the whole table's identity, and may bring none of its own.
ALTER TABLE logs_before ALTER COLUMN id DROP IDENTITY;
ALTER TABLE logs_before DROP CONSTRAINT logs_pkey;
DROP INDEX logs_created_at_idx, logs_user_id_idx, logs_token_id_idx, logs_type_idx,
    logs_model_name_idx, logs_request_id_idx, logs_upstream_request_id_idx;
DROP INDEX IF EXISTS logs_content_idx;
ALTER INDEX logs_event_id_key RENAME TO logs_before_event_id_key;

ALTER TABLE logs_before
    ADD COLUMN project_id bigint,
    ADD COLUMN provider_id bigint,
    ADD COLUMN provider text,
    ADD COLUMN dialect text,
    ADD COLUMN method text,
    ADD COLUMN path text,
    ADD COLUMN query_params text, -- names, comma-separated; never values
    ADD COLUMN outcome text,
    ADD COLUMN status_code smallint,
    ADD COLUMN error_code text,
    ADD COLUMN trace_id uuid,
    ADD COLUMN parent_span_id text,
    ADD COLUMN latency_ms bigint,
    ADD COLUMN upstream_latency_ms bigint,
    ADD COLUMN first_byte_ms bigint,
    ADD COLUMN request_size_bytes bigint,
    ADD COLUMN response_size_bytes bigint,
    ADD COLUMN retry_count smallint, -- attempts after the first
    ADD COLUMN client_retry_count smallint, -- as the client's SDK counts
    ADD COLUMN rate_limited boolean,
    ADD COLUMN rate_limit_remaining bigint,
    ADD COLUMN rate_limit_reset_at bigint, -- Unix seconds
    ADD COLUMN cache_hit boolean,
    ADD COLUMN cache_key text,
    ADD COLUMN user_agent text,
    ADD COLUMN origin text,
    ADD COLUMN request_host text,
    -- Of what was given back of a charge: the second whose hour of use it counts to.
    ADD COLUMN bucket_at bigint;

CREATE TABLE logs (
    LIKE logs_before INCLUDING CONSTRAINTS,
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
ALTER TABLE logs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;

-- Every list is newest first by (created_at, id), and every index for lists ends so.
CREATE INDEX logs_user_idx ON logs (user_id, created_at, id);
CREATE INDEX logs_token_idx ON logs (token_id, created_at, id);
CREATE INDEX logs_workspace_idx ON logs (workspace_id, created_at, id);
CREATE INDEX logs_model_idx ON logs (model_name, created_at, id);
CREATE INDEX logs_type_idx ON logs (type, created_at, id) WHERE type <> 2; -- which nearly all are
-- Search. Nearly all rows say one sentence, which needs no index. The others of requests are a closed
-- set (`log_sentences`), walked sentence by sentence; free text is found by trigrams.
CREATE INDEX logs_sentence_idx ON logs (content, created_at, id)
    WHERE content <> 'API call succeeded';
DO $$
BEGIN
    -- The roles' command makes the extension where the server has it (deploy/postgres/roles.py).
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX logs_free_text_idx ON logs USING gin (content extensions.gin_trgm_ops)
            WHERE "group" = '';
    END IF;
END
$$;
CREATE INDEX logs_upstream_request_id_idx ON logs (upstream_request_id)
    WHERE upstream_request_id <> '';
-- A request's row is found by event_id; only the others need a way by request_id.
CREATE INDEX logs_request_id_idx ON logs (request_id) WHERE type NOT IN (2, 4);
-- A rebuild finds what was given back of an hour's use, whenever it was posted.
CREATE INDEX logs_bucket_at_idx ON logs (bucket_at) WHERE bucket_at IS NOT NULL;

-- What is known of the log as a whole. One row.
CREATE TABLE log_state (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    -- Unix seconds. Older rows are not shown, and older events are refused, whether or not the rows
    -- are gone already.
    refuse_before bigint NOT NULL DEFAULT 0,
    -- Counts by minute and by second exist from here on.
    minutes_from bigint NOT NULL,
    seconds_from bigint NOT NULL,
    -- Usage by hour and by day is kept from here on.
    usage_hourly_from bigint NOT NULL DEFAULT 0,
    usage_daily_from bigint NOT NULL DEFAULT 0,
    -- Raised by whoever changes what a consumer may have remembered: horizons, series.
    epoch bigint NOT NULL DEFAULT 0,
    CHECK (minutes_from % 86400 = 0 AND seconds_from % 60 = 0)
);
INSERT INTO log_state (refuse_before, minutes_from, seconds_from)
SELECT
    coalesce((SELECT least(max(target_timestamp), max(extract(epoch FROM now())::bigint))
              FROM log_clean_ups), 0),
    (extract(epoch FROM now())::bigint / 86400 - 1) * 86400,
    (extract(epoch FROM now())::bigint / 60 - 120) * 60;

-- Hours (by their first second) whose counts and usage are not to be trusted: they are counted from
-- the rows until they are rebuilt.
CREATE TABLE log_dirty_hours (
    bucket bigint PRIMARY KEY CHECK (bucket % 3600 = 0),
    reason text NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT now()
);

-- What the rows of requests say: a closed set, and what earlier releases said.
CREATE TABLE log_sentences (content text PRIMARY KEY);

-- Every partition of the log's tables: [lower, upper) in Unix seconds; a lower of null has no end.
CREATE VIEW log_partitions AS
SELECT
    parent.relname::text AS parent,
    child.relname::text AS name,
    substring(pg_get_expr(child.relpartbound, child.oid) FROM 'FROM \(''(-?\d+)''\)')::bigint
        AS lower,
    substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \(''(-?\d+)''\)')::bigint AS upper
FROM pg_inherits
JOIN pg_class AS parent ON parent.oid = inhparent
JOIN pg_class AS child ON child.oid = inhrelid
JOIN pg_namespace ON pg_namespace.oid = parent.relnamespace
WHERE nspname = current_schema() AND parent.relkind = 'p' AND child.relkind = 'r';

-- Makes the partition [lower, upper) of a table; false where it is there. The service may not make or
-- drop tables: this is the owner's, who decides which. It locks nobody out: CREATE TABLE and ATTACH
-- take SHARE UPDATE EXCLUSIVE on the parent, PARTITION OF would take ACCESS EXCLUSIVE.
CREATE FUNCTION ensure_partition(parent text, lower_bound bigint, upper_bound bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
SET lock_timeout = '2s'
AS $$
DECLARE
    made text := parent || '_' || to_char(to_timestamp(lower_bound) AT TIME ZONE 'UTC', 'YYYYMMDDHH24');
BEGIN
    IF parent NOT IN ('logs', 'log_counts_day', 'log_counts_hour', 'log_counts_minute', 'usage_hourly')
        OR lower_bound % 3600 <> 0 OR upper_bound <= lower_bound
    THEN
        RAISE EXCEPTION 'no partition [%, %) of %', lower_bound, upper_bound, parent
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('logging.partitions', 0));
    IF EXISTS (
        SELECT FROM log_partitions AS p
        WHERE p.parent = ensure_partition.parent AND coalesce(p.lower <= lower_bound, true)
            AND upper_bound <= p.upper
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', made, parent);
    IF parent = 'logs' THEN
        -- Of a partition alone: the whole table's would need created_at in it.
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (event_id)', made || '_event_id_key', made);
    ELSE
        EXECUTE format('ALTER TABLE %I SET (fillfactor = 70)', made); -- they are updated all the time
    END IF;
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
        parent, made, lower_bound, upper_bound
    );
    RETURN true;
END
$$;

-- Drops a partition whose whole time lies before the horizon of its table; false where it is gone.
-- It waits shortly for its lock (SQLSTATE 55P03): a waiting ACCESS EXCLUSIVE holds up every reader.
CREATE FUNCTION drop_partition(parent text, partition text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT
SET lock_timeout = '100ms'
AS $$
DECLARE
    ends_at bigint;
    horizon bigint;
BEGIN
    SELECT p.upper INTO ends_at FROM log_partitions AS p
    WHERE p.parent = drop_partition.parent AND p.name = partition;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT CASE parent
        WHEN 'log_counts_minute' THEN greatest(refuse_before, minutes_from)
        WHEN 'usage_hourly' THEN usage_hourly_from
        ELSE refuse_before
    END INTO horizon FROM log_state;
    IF ends_at > horizon THEN
        RAISE EXCEPTION '% ends at %, after the horizon %', partition, ends_at, horizon
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('DROP TABLE %I', partition);
    RETURN true;
END
$$;

DO $$
DECLARE
    cut bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM logs_before) THEN
        DROP TABLE logs_before;
        RETURN;
    END IF;
    -- What is there becomes one partition, as it is; only its indexes are built.
    INSERT INTO log_sentences SELECT DISTINCT content FROM logs_before WHERE "group" <> '';
    INSERT INTO log_dirty_hours (bucket, reason)
    SELECT DISTINCT created_at / 3600 * 3600, 'from before there were counts' FROM logs_before;
    SELECT (greatest(max(created_at), extract(epoch FROM now())::bigint) / 86400 + 1) * 86400
    INTO cut FROM logs_before;
    EXECUTE format(
        'ALTER TABLE logs ATTACH PARTITION logs_before FOR VALUES FROM (MINVALUE) TO (%s)', cut
    );
    EXECUTE format(
        'ALTER TABLE logs ALTER COLUMN id RESTART WITH %s', (SELECT max(id) + 1 FROM logs_before)
    );
END
$$;
