-- What else a price can depend on. Ratios inside the JSON are strings, so that decimals stay exact.
ALTER TABLE prices
    -- Relative to plain input; null: as completion_ratio.
    ADD COLUMN output_audio_ratio numeric(18, 9),
    ADD COLUMN output_image_ratio numeric(18, 9),
    -- By the length of the input: [{"above_prompt_tokens": 200000, "model_ratio": "1.5", ...}, ...]
    ADD COLUMN tiers json NOT NULL DEFAULT '[]',
    -- {"priority": "2.5"}: what the tokens' cost is multiplied by.
    ADD COLUMN service_tiers json NOT NULL DEFAULT '{}',
    -- {"web_search": "10"}: dollars for 1,000 calls.
    ADD COLUMN tool_prices json NOT NULL DEFAULT '{}',
    -- {"1280x720": "0.1"}: dollars a second.
    ADD COLUMN second_prices json NOT NULL DEFAULT '{}',
    -- The model's context.
    ADD COLUMN max_input_tokens bigint;

-- Prices that are proposed, and compared with those in force before they are published.
CREATE TABLE price_drafts (
    draft_id bigserial PRIMARY KEY,
    name text NOT NULL,
    source text NOT NULL,
    -- By model, as the calls have them.
    prices json NOT NULL,
    group_ratios json NOT NULL DEFAULT '{}',
    -- What the source says that a price cannot: [{"model": ..., "what": ...}, ...]
    warnings json NOT NULL DEFAULT '[]',
    created_by bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Once; with the versions that came of it, by model.
    published_at timestamptz,
    published_versions json
);
