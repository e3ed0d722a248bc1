-- One user's hours, by id or by name, without reading everybody's.
CREATE INDEX quota_data_by_user ON quota_data (user_id, created_at);
CREATE INDEX quota_data_by_username ON quota_data (username, created_at);
