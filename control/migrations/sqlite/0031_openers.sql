-- By what a connection to a call was opened, so that it ends with it. Of older ones it is not known: both NULL.
ALTER TABLE sessions ADD COLUMN sign_in_id BLOB;
ALTER TABLE sessions ADD COLUMN key_id TEXT;
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id) WHERE ended_at IS NULL;
