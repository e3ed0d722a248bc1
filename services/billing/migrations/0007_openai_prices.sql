-- OpenAI's public list prices of its other calls, by platform.openai.com/docs/pricing. A model that
-- an operator has priced already keeps its price.
-- Embeddings have no output. Moderations are free: a price of 0, since a model without any is refused.
WITH added AS (
    INSERT INTO prices (model, effective_from, model_ratio, completion_ratio, cache_ratio,
                        cache_creation_ratio, image_ratio, audio_ratio)
    SELECT model, now(), input_dollars / 2, completion_ratio, 1, 1, 1, 1
    FROM (VALUES
        -- Dollars for a million tokens of input; what a token of output costs relative to that.
        ('gpt-3.5-turbo-instruct', 1.50, 2.00 / 1.50),
        ('text-embedding-3-small', 0.02, 0.0),
        ('text-embedding-3-large', 0.13, 0.0),
        ('text-embedding-ada-002', 0.10, 0.0),
        ('omni-moderation-latest', 0.00, 0.0),
        ('text-moderation-latest', 0.00, 0.0)
    ) AS list (model, input_dollars, completion_ratio)
    WHERE NOT EXISTS (SELECT FROM prices WHERE prices.model = list.model)
    RETURNING model
)
INSERT INTO state_outbox (topic, key) SELECT 'billing.prices', 'model:' || model FROM added
ON CONFLICT (topic, key) DO UPDATE
SET version = nextval('state_outbox_version'), marked_at = now();
