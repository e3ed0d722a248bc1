-- Errors are one row in thirty, and asked for more often than all others. Other rows pay nothing.

-- What a user's rows say that is not the usual: errors, amounts, notes. For searches.
CREATE INDEX logs_user_said_idx ON logs (user_id, created_at, id)
    WHERE content <> 'API call succeeded';
-- Of all users, by status and code. For requests.
CREATE INDEX logs_failed_idx ON logs (created_at, id)
    WHERE status_code >= 400 OR error_code IS NOT NULL;
