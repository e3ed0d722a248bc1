-- Keys in full. What a key may spend is here; what it has spent is billing's, see 0009.
ALTER TABLE tokens
    ADD COLUMN project_id bigint REFERENCES projects (id),
    ADD COLUMN unlimited_quota boolean NOT NULL DEFAULT true,
    -- As it was set last; what is left of it is in the ledger. Kept while the key is unlimited.
    ADD COLUMN remain_quota bigint NOT NULL DEFAULT 0 CHECK (remain_quota >= 0),
    -- Grows with each setting of the two above, so that billing applies each once.
    ADD COLUMN quota_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN cross_group_retry boolean NOT NULL DEFAULT false,
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}'; -- shared.events.limits.RequestLimits
CREATE INDEX tokens_by_group ON tokens ("group") WHERE deleted_at IS NULL AND "group" <> '';
CREATE INDEX tokens_by_project ON tokens (project_id) WHERE project_id IS NOT NULL;

-- A key has one secret, and after a rotation its former ones too, each until `valid_until`.
CREATE TABLE token_secrets (
    key_hash bytea PRIMARY KEY, -- SHA-256 of the 48 characters, without `sk-`
    key_id bigint NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    key_prefix text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    valid_until timestamptz -- null: the present one
);
CREATE INDEX token_secrets_by_key ON token_secrets (key_id);
CREATE UNIQUE INDEX token_secrets_one_present ON token_secrets (key_id) WHERE valid_until IS NULL;
CREATE INDEX token_secrets_former ON token_secrets (valid_until) WHERE valid_until IS NOT NULL;

INSERT INTO token_secrets (key_hash, key_id, key_prefix, created_at)
SELECT key_hash, id, key_prefix, created_time FROM tokens;
ALTER TABLE tokens DROP COLUMN key_hash, DROP COLUMN key_prefix;
