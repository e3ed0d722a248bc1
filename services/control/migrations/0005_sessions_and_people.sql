-- A session is one login, and the family of the tokens that it was given. It has one session token
-- and one refresh token at a time; only their SHA-256 are kept.
ALTER TABLE sessions
    ADD COLUMN token_expires_at timestamptz,
    ADD COLUMN refresh_token_hash bytea UNIQUE, -- null: begun before there were refresh tokens
    ADD COLUMN refreshed_at timestamptz,
    ADD COLUMN user_agent text NOT NULL DEFAULT '',
    ADD COLUMN ip_address text NOT NULL DEFAULT '',
    ADD COLUMN device_info text NOT NULL DEFAULT '',
    ADD COLUMN location text, -- needs a database of places, which there is none of
    ADD COLUMN revoked_reason text;
UPDATE sessions SET token_expires_at = least(expires_at, last_active_at + interval '15 minutes');
ALTER TABLE sessions ALTER COLUMN token_expires_at SET NOT NULL;

-- Every refresh token that a session ever had: an old one that is shown again ends the session.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY, -- SHA-256
    session_id bigint NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- Guesses at passwords, for names that exist and names that do not. What people type into the
-- field of the name may be a password: only the SHA-256 of `name:<folded>` or `address:<network>`.
CREATE TABLE login_failures (
    subject bytea PRIMARY KEY,
    failed_attempts integer NOT NULL,
    first_failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    locked_until timestamptz
);
CREATE INDEX login_failures_by_age ON login_failures (last_failed_at);

-- The rest of the source's two tables of users. full_name is display_name, is_active is status.
-- Secrets of what there is not yet (mfa_secret, mfa_backup_codes, email_verify_token,
-- password_reset_token) get their columns together with it.
ALTER TABLE users
    ADD COLUMN github_id text,
    ADD COLUMN discord_id text,
    ADD COLUMN oidc_id text,
    ADD COLUMN wechat_id text,
    ADD COLUMN telegram_id text,
    ADD COLUMN linux_do_id text,
    ADD COLUMN oauth_provider text,
    ADD COLUMN oauth_provider_id text,
    ADD COLUMN aff_code text UNIQUE,
    ADD COLUMN aff_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN aff_quota bigint NOT NULL DEFAULT 0,
    ADD COLUMN aff_history bigint NOT NULL DEFAULT 0,
    ADD COLUMN inviter_id bigint REFERENCES users (id),
    ADD COLUMN setting text NOT NULL DEFAULT '',
    ADD COLUMN preferences jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN remark text NOT NULL DEFAULT '',
    ADD COLUMN stripe_customer text,
    ADD COLUMN avatar_url text NOT NULL DEFAULT '',
    ADD COLUMN timezone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN email_verified boolean NOT NULL DEFAULT false,
    ADD COLUMN email_verify_expiry timestamptz,
    ADD COLUMN password_reset_expiry timestamptz,
    ADD COLUMN mfa_enabled boolean NOT NULL DEFAULT false,
    ADD COLUMN last_login_ip text NOT NULL DEFAULT '',
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    -- The row stays for good: the ledger and the logs name its id, and its name is not given again.
    ADD COLUMN deleted_at timestamptz;
