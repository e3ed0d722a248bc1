-- A sketch's parts tell their length, so that adding to it is appending (sketch.py): a part of widths
-- 1 and 2 went to the end. It becomes one of widths 5 and 6, with the number of its bins, in two bytes,
-- behind the width.

CREATE FUNCTION sketch_with_length(sketch bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(sketch) = 0 THEN sketch ELSE (
        SELECT set_byte(set_byte(set_byte('\x000000', 0, 4 + width), 1, bins & 255), 2, bins >> 8)
            || substr(sketch, 2)
        FROM (SELECT get_byte(sketch, 0) AS width) AS head
        CROSS JOIN LATERAL (
            SELECT (length(sketch) - 1) / CASE width WHEN 1 THEN 6 ELSE 10 END AS bins
        ) AS counted
    ) END
$$;

UPDATE usage_hourly
    SET latency = sketch_with_length(latency), first_byte = sketch_with_length(first_byte);
UPDATE usage_daily
    SET latency = sketch_with_length(latency), first_byte = sketch_with_length(first_byte);
UPDATE usage_site_hourly
    SET latency = sketch_with_length(latency), first_byte = sketch_with_length(first_byte);
UPDATE usage_site_daily
    SET latency = sketch_with_length(latency), first_byte = sketch_with_length(first_byte);

DROP FUNCTION sketch_with_length(bytea);
