-- Counts of `logs`, kept with the rows in one transaction: totals, sums and places of pages are read
-- from them, whole buckets at a time, and only the edges of a range from rows.

-- A series is one combination of what lists filter by. A facet leaves some of it out (0 and ''):
-- 0 type · 1 and model, channel, group · 2 and the key's name · 3 all
CREATE TABLE log_series (
    series_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    facet smallint NOT NULL CHECK (facet BETWEEN 0 AND 3),
    type smallint NOT NULL,
    workspace_id bigint NOT NULL,
    user_id bigint NOT NULL,
    username text NOT NULL,
    token_id bigint NOT NULL,
    token_name text NOT NULL,
    model_name text NOT NULL,
    channel_id bigint NOT NULL,
    -- In facet 0: '*' for a request's rows, '' for the rest.
    "group" text NOT NULL
);
CREATE UNIQUE INDEX log_series_key ON log_series (
    facet, type, user_id, token_id, channel_id, workspace_id, model_name, "group", username,
    token_name
);
CREATE INDEX log_series_user_idx ON log_series (user_id) WHERE facet = 3;
CREATE INDEX log_series_token_idx ON log_series (token_id) WHERE facet = 3;
CREATE INDEX log_series_workspace_idx ON log_series (workspace_id) WHERE facet = 3;
CREATE INDEX log_series_username_idx ON log_series (username) WHERE facet = 3;
-- Each of one facet alone, named in its condition: with the others in it the planner, which knows
-- nothing of a new table, would look for a whole key here.
CREATE INDEX log_series_token_name_idx ON log_series (token_name) WHERE facet = 3;
CREATE INDEX log_series_name_idx ON log_series (token_name) WHERE facet = 2;
CREATE INDEX log_series_model_idx ON log_series (model_name) WHERE facet = 1;

-- `bucket` is its first Unix second. `tokens` counts requests' rows only, in and out.
CREATE TABLE log_counts_day (
    series_id bigint NOT NULL,
    bucket bigint NOT NULL,
    rows bigint NOT NULL,
    quota bigint NOT NULL,
    tokens bigint NOT NULL,
    PRIMARY KEY (series_id, bucket)
) PARTITION BY RANGE (bucket); -- a month each
CREATE TABLE log_counts_hour (
    LIKE log_counts_day, PRIMARY KEY (series_id, bucket)
) PARTITION BY RANGE (bucket); -- as the rows' partitions
CREATE TABLE log_counts_minute (
    LIKE log_counts_day, PRIMARY KEY (series_id, bucket)
) PARTITION BY RANGE (bucket); -- a day each, from log_state.minutes_from; not of facet 2
CREATE INDEX log_counts_hour_bucket_idx ON log_counts_hour (bucket);
CREATE INDEX log_counts_minute_bucket_idx ON log_counts_minute (bucket);
-- Facets 0 and 1 alone, from log_state.seconds_from; read and swept by bucket.
CREATE TABLE log_counts_second (
    LIKE log_counts_day, PRIMARY KEY (bucket, series_id)
) WITH (fillfactor = 70);

-- A checksum for each hour, by the slot (topic and partition) that wrote it; deletions have slot -1.
-- `marks` is the XOR of the last 8 bytes of each event's id.
CREATE TABLE log_checks (
    bucket bigint NOT NULL CHECK (bucket % 3600 = 0),
    slot smallint NOT NULL,
    rows bigint NOT NULL,
    quota bigint NOT NULL,
    tokens bigint NOT NULL,
    marks bigint NOT NULL,
    requests bigint NOT NULL,
    request_quota bigint NOT NULL,
    request_marks bigint NOT NULL,
    PRIMARY KEY (bucket, slot)
) WITH (fillfactor = 70);
