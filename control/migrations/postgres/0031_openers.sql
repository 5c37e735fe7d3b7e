-- As in sqlite/0031_openers.sql.
ALTER TABLE sessions ADD COLUMN sign_in_id UUID;
ALTER TABLE sessions ADD COLUMN key_id TEXT COLLATE "C";
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id) WHERE ended_at IS NULL;
