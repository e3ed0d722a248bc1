-- Input that is written to the cache for an hour costs more than for five minutes; null: the same.
ALTER TABLE prices ADD COLUMN cache_creation_1h_ratio numeric(18, 9);
