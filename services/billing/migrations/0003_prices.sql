-- The price book. A version is never changed: a new price is a new row, and the newest row whose
-- `effective_from` is past holds. One sequence numbers all changes of the book.
CREATE SEQUENCE price_book_version;

CREATE TABLE prices (
    version bigint PRIMARY KEY DEFAULT nextval('price_book_version'),
    model text NOT NULL,
    effective_from timestamptz NOT NULL,
    model_ratio numeric(18, 9) NOT NULL,
    completion_ratio numeric(18, 9) NOT NULL,
    cache_ratio numeric(18, 9) NOT NULL,
    cache_creation_ratio numeric(18, 9) NOT NULL,
    image_ratio numeric(18, 9) NOT NULL,
    audio_ratio numeric(18, 9) NOT NULL,
    model_price numeric(18, 9),
    max_output_tokens bigint,
    -- Set when the model lost its price: the version no longer holds, and is kept to explain charges.
    withdrawn_at timestamptz
);
CREATE INDEX prices_by_model ON prices (model, effective_from, version);

CREATE TABLE group_ratios (
    version bigint PRIMARY KEY DEFAULT nextval('price_book_version'),
    group_name text NOT NULL,
    effective_from timestamptz NOT NULL,
    ratio numeric(18, 9) NOT NULL,
    -- By the user's own group: a JSON object of numbers as strings, so that decimals stay exact.
    user_group_ratios jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX group_ratios_by_group ON group_ratios (group_name, effective_from, version);

-- To begin with: public list prices. A model_ratio of 1 is $2 for a million input tokens.
INSERT INTO group_ratios (group_name, effective_from, ratio) VALUES ('default', now(), 1);
INSERT INTO prices (model, effective_from, model_ratio, completion_ratio, cache_ratio,
                    cache_creation_ratio, image_ratio, audio_ratio)
SELECT model, now(), input_dollars / 2, output_dollars / input_dollars,
       cached_dollars / input_dollars, 1, 1, 1
FROM (VALUES
    -- Dollars for a million tokens: input, cached input, output.
    ('gpt-4o-mini', 0.15, 0.075, 0.60),
    ('gpt-4o', 2.50, 1.25, 10.00),
    ('gpt-4.1', 2.00, 0.50, 8.00),
    ('gpt-4.1-mini', 0.40, 0.10, 1.60),
    ('gpt-4.1-nano', 0.10, 0.025, 0.40),
    ('o3', 2.00, 0.50, 8.00),
    ('o4-mini', 1.10, 0.275, 4.40),
    ('gpt-5', 1.25, 0.125, 10.00),
    ('gpt-5-mini', 0.25, 0.025, 2.00)
) AS list (model, input_dollars, cached_dollars, output_dollars);
INSERT INTO state_outbox (topic, key) SELECT 'billing.prices', 'model:' || model FROM prices;
INSERT INTO state_outbox (topic, key) VALUES ('billing.prices', 'group:default');
