-- Claude models, as of November 2026. What an operator has named already stays as it is.
--
-- max_output_tokens: "max output" of each model's page at platform.claude.com/docs.
--
-- max_media_tokens is set for one page of a PDF, and so for an image too, which is never more: the
-- relay counts an image as one medium, and a document as its pages (by its size, since they cannot
-- be seen from outside). By Anthropic's guides "Vision" and "PDF support":
--   image  one token for each 28 x 28 pixels. Up to Claude 4.6 an image is fitted into 1,568
--          tokens (some 1,640 were seen); from Opus 4.7 on into 2576 pixels, 4,784 tokens.
--   page   the page as an image, and 1,500 to 3,000 tokens of text; the tokenizer from Opus 4.7 on
--          makes about 30 % more of the same text: 4,000.
-- So 1,700 + 3,000 = 4,700 before, and 4,784 + 4,000 = 8,784 since. The models of 4.6 read images
-- in the old size, and have a context of a million tokens, which the relay's 130 pages must fill:
-- 7,784.
--
-- claude-haiku-5-5 is not among them: what it costs depends on the length of the prompt, which the
-- price book cannot say. An operator names it with the price of his own choice.
WITH added AS (
    INSERT INTO models (name, groups, owned_by, max_output_tokens, max_media_tokens)
    SELECT name, '{default}', 'anthropic', max_output_tokens, max_media_tokens
    FROM (VALUES
        ('claude-opus-5-5',            128000, 8784),
        ('claude-opus-5',              128000, 8784),
        ('claude-sonnet-5-5',          128000, 8784),
        ('claude-sonnet-5',            128000, 8784),
        ('claude-opus-4-8',            128000, 8784),
        ('claude-opus-4-7',            128000, 8784),
        ('claude-opus-4-6',            128000, 7784),
        ('claude-sonnet-4-6',           64000, 7784),
        ('claude-opus-4-5',             64000, 4700),
        ('claude-sonnet-4-5',           64000, 4700),
        ('claude-haiku-4-5',            64000, 4700),
        -- Retired at Anthropic, and still served by others.
        ('claude-opus-4-1',             32000, 4700),
        ('claude-3-5-haiku-20241022',    8192, 4700)
    ) AS list (name, max_output_tokens, max_media_tokens)
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
INSERT INTO state_outbox (topic, key) SELECT 'control.routing', 'model:' || name FROM added
ON CONFLICT (topic, key) DO UPDATE
SET version = nextval('state_outbox_version'), marked_at = now();
