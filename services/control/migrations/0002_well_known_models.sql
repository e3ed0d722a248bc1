-- What a first start offers: one group, and the models that most clients name.
--
-- max_output_tokens: the "max output tokens" of each model's page at platform.openai.com.
--
-- max_media_tokens: the most that one image can count, by the formulas of OpenAI's guide "Images
-- and vision", section "Calculating costs", at `detail: high`:
--   tiles    base + tile * tiles. An image is fitted into 2048 x 2048, then its short side to 768:
--            at most 4 x 2 = 8 tiles of 512. gpt-4o 85 + 170 * 8; gpt-4o-mini 2833 + 5667 * 8;
--            o3 75 + 150 * 8; gpt-5 70 + 140 * 8.
--   patches  at most 1536 patches of 32 x 32, times the model's factor, rounded up. gpt-4.1-mini
--            and gpt-5-mini 1.62; gpt-4.1-nano 2.46; o4-mini 1.72.
-- gpt-4.1 is documented as tiles (1445) and was introduced as patches (1536): the larger holds.

INSERT INTO groups (name) VALUES ('default');

INSERT INTO models (name, groups, owned_by, max_output_tokens, max_media_tokens) VALUES
    ('gpt-4o-mini',  '{default}', 'openai',  16384, 48169),
    ('gpt-4o',       '{default}', 'openai',  16384,  1445),
    ('gpt-4.1',      '{default}', 'openai',  32768,  1536),
    ('gpt-4.1-mini', '{default}', 'openai',  32768,  2489),
    ('gpt-4.1-nano', '{default}', 'openai',  32768,  3779),
    ('o3',           '{default}', 'openai', 100000,  1275),
    ('o4-mini',      '{default}', 'openai', 100000,  2642),
    ('gpt-5',        '{default}', 'openai', 128000,  1190),
    ('gpt-5-mini',   '{default}', 'openai', 128000,  2489);

INSERT INTO state_outbox (topic, key) SELECT 'control.routing', 'group:' || name FROM groups;
INSERT INTO state_outbox (topic, key) SELECT 'control.routing', 'model:' || name FROM models;
