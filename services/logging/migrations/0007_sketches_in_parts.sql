-- A sketch's parts tell their length, so that adding to it is appending (sketch.py): a part of widths
-- 1 and 2 went to the end. It becomes one of widths 5 and 6, with the number of its bins, in two bytes,
-- behind the width. The tables are written anew, which takes less than changing row by row.

CREATE FUNCTION sketch_with_length(sketch bytea) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    width integer;
    bins integer;
BEGIN
    IF length(sketch) = 0 THEN
        RETURN sketch;
    END IF;
    width := get_byte(sketch, 0);
    bins := (length(sketch) - 1) / CASE width WHEN 1 THEN 6 ELSE 10 END;
    RETURN set_byte(set_byte(set_byte('\x000000', 0, width + 4), 1, bins & 255), 2, bins >> 8)
        || substr(sketch, 2);
END
$$;

ALTER TABLE usage_hourly
    ALTER COLUMN latency TYPE bytea USING sketch_with_length(latency),
    ALTER COLUMN first_byte TYPE bytea USING sketch_with_length(first_byte);
ALTER TABLE usage_daily
    ALTER COLUMN latency TYPE bytea USING sketch_with_length(latency),
    ALTER COLUMN first_byte TYPE bytea USING sketch_with_length(first_byte);
ALTER TABLE usage_site_hourly
    ALTER COLUMN latency TYPE bytea USING sketch_with_length(latency),
    ALTER COLUMN first_byte TYPE bytea USING sketch_with_length(first_byte);
ALTER TABLE usage_site_daily
    ALTER COLUMN latency TYPE bytea USING sketch_with_length(latency),
    ALTER COLUMN first_byte TYPE bytea USING sketch_with_length(first_byte);

DROP FUNCTION sketch_with_length(bytea);
