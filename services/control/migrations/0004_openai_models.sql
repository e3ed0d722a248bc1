-- The models of OpenAI's other calls. What an operator has named already stays as it is.
--
-- max_output_tokens: 4,096 for gpt-3.5-turbo-instruct, by its page at platform.openai.com. Embeddings
-- and moderations have no output; the relay asks for a hold of none, whatever stands here.
--
-- max_media_tokens: omni-moderation-latest takes images and counts no tokens at all; 1 lets it.
WITH added AS (
    INSERT INTO models (name, groups, owned_by, max_output_tokens, max_media_tokens)
    SELECT name, '{default}', 'openai', max_output_tokens, max_media_tokens
    FROM (VALUES
        ('gpt-3.5-turbo-instruct', 4096, 0),
        ('text-embedding-3-small', 1,    0),
        ('text-embedding-3-large', 1,    0),
        ('text-embedding-ada-002', 1,    0),
        ('omni-moderation-latest', 1,    1),
        ('text-moderation-latest', 1,    0)
    ) AS list (name, max_output_tokens, max_media_tokens)
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
INSERT INTO state_outbox (topic, key) SELECT 'control.routing', 'model:' || name FROM added
ON CONFLICT (topic, key) DO UPDATE
SET version = nextval('state_outbox_version'), marked_at = now();
