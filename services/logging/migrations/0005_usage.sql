-- Usage by hour and by day: kept longer than rows, and never lowered by their deletion. Ids are 0 and
-- names '' where there is none; `hour` and `day` are their first Unix second, days in UTC. `latency`
-- and `first_byte` are sketches of milliseconds (services/logging/sketches/sketch.py). `marks` is the
-- XOR of the last 8 bytes of each request's event id.

CREATE TABLE usage_hourly (
    hour bigint NOT NULL,
    workspace_id bigint NOT NULL,
    api_key_id bigint NOT NULL,
    provider_id bigint NOT NULL,
    project_id bigint NOT NULL,
    model text NOT NULL,
    user_id bigint NOT NULL,
    request_count bigint NOT NULL,
    success_count bigint NOT NULL,
    error_count bigint NOT NULL,
    rate_limited_count bigint NOT NULL,
    cache_hit_count bigint NOT NULL,
    timeout_count bigint NOT NULL,
    error_4xx_count bigint NOT NULL,
    error_5xx_count bigint NOT NULL,
    suppressed_count bigint NOT NULL,
    disconnected_count bigint NOT NULL,
    retried_count bigint NOT NULL,
    total_latency_ms bigint NOT NULL,
    min_latency_ms bigint, -- null: only what was given back is known of this hour
    max_latency_ms bigint,
    total_upstream_latency_ms bigint NOT NULL,
    total_request_bytes bigint NOT NULL,
    total_response_bytes bigint NOT NULL,
    total_tokens_input bigint NOT NULL,
    total_tokens_output bigint NOT NULL,
    total_tokens_cached bigint NOT NULL,
    quota bigint NOT NULL,
    returned_quota bigint NOT NULL, -- of refunds and adjustments; cost is quota less this
    latency bytea NOT NULL,
    first_byte bytea NOT NULL,
    marks bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hour, workspace_id, api_key_id, provider_id, project_id, model)
) PARTITION BY RANGE (hour); -- a month each
CREATE INDEX usage_hourly_workspace_idx ON usage_hourly (workspace_id, hour);
CREATE INDEX usage_hourly_key_idx ON usage_hourly (api_key_id, hour);
CREATE INDEX usage_hourly_user_idx ON usage_hourly (user_id, hour);

CREATE TABLE usage_daily (
    LIKE usage_hourly INCLUDING DEFAULTS INCLUDING CONSTRAINTS
) WITH (fillfactor = 60);
ALTER TABLE usage_daily RENAME COLUMN hour TO day;
ALTER TABLE usage_daily
    ADD COLUMN peak_hour smallint, -- 0 to 23, the earlier one of two equals
    ADD COLUMN peak_hour_requests bigint NOT NULL DEFAULT 0,
    ADD PRIMARY KEY (day, workspace_id, api_key_id, provider_id, project_id, model);
CREATE INDEX usage_daily_workspace_idx ON usage_daily (workspace_id, day);
CREATE INDEX usage_daily_key_idx ON usage_daily (api_key_id, day);
CREATE INDEX usage_daily_user_idx ON usage_daily (user_id, day);

-- Of all keys together: percentiles of everybody need not merge every key's sketches.
CREATE TABLE usage_site_hourly (
    LIKE usage_hourly INCLUDING DEFAULTS INCLUDING CONSTRAINTS
) WITH (fillfactor = 60);
ALTER TABLE usage_site_hourly
    DROP COLUMN workspace_id, DROP COLUMN api_key_id, DROP COLUMN project_id, DROP COLUMN user_id,
    ADD PRIMARY KEY (hour, provider_id, model);
CREATE TABLE usage_site_daily (
    LIKE usage_daily INCLUDING DEFAULTS INCLUDING CONSTRAINTS
) WITH (fillfactor = 60);
ALTER TABLE usage_site_daily
    DROP COLUMN workspace_id, DROP COLUMN api_key_id, DROP COLUMN project_id, DROP COLUMN user_id,
    ADD PRIMARY KEY (day, provider_id, model);
