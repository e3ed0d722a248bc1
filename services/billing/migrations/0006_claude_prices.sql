-- Anthropic's public list prices, as of November 2026. A model that an operator has priced
-- already keeps its price.
-- What is written to the cache costs 1.25 times the input for five minutes, twice for an hour.
WITH added AS (
    INSERT INTO prices (model, effective_from, model_ratio, completion_ratio, cache_ratio,
                        cache_creation_ratio, cache_creation_1h_ratio, image_ratio, audio_ratio)
    SELECT model, now(), input_dollars / 2, output_dollars / input_dollars,
           cached_dollars / input_dollars, 1.25, 2, 1, 1
    FROM (VALUES
        -- Dollars for a million tokens: input, read from the cache, output.
        ('claude-opus-5-5',            4.00, 0.20, 20.00),
        ('claude-opus-5',              5.00, 0.50, 25.00),
        ('claude-sonnet-5-5',          2.00, 0.10, 10.00),
        ('claude-sonnet-5',            2.00, 0.20, 10.00),
        ('claude-opus-4-8',            5.00, 0.50, 25.00),
        ('claude-opus-4-7',            5.00, 0.50, 25.00),
        ('claude-opus-4-6',            5.00, 0.50, 25.00),
        ('claude-sonnet-4-6',          3.00, 0.30, 15.00),
        ('claude-opus-4-5',            5.00, 0.50, 25.00),
        ('claude-sonnet-4-5',          3.00, 0.30, 15.00),
        ('claude-haiku-4-5',           1.00, 0.10,  5.00),
        ('claude-opus-4-1',           15.00, 1.50, 75.00),
        ('claude-3-5-haiku-20241022',  0.80, 0.08,  4.00)
    ) AS list (model, input_dollars, cached_dollars, output_dollars)
    WHERE NOT EXISTS (SELECT FROM prices WHERE prices.model = list.model)
    RETURNING model
)
INSERT INTO state_outbox (topic, key) SELECT 'billing.prices', 'model:' || model FROM added
ON CONFLICT (topic, key) DO UPDATE
SET version = nextval('state_outbox_version'), marked_at = now();
