-- As in sqlite/0040_speaking.sql.
ALTER TABLE calls ADD COLUMN route TEXT COLLATE "C";
ALTER TABLE calls ADD COLUMN answered_by UUID;
ALTER TABLE calls ADD COLUMN bot_asked BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE calls ADD COLUMN bot_state TEXT COLLATE "C";
ALTER TABLE calls ADD COLUMN bot_paused BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE calls ADD COLUMN bot_paused_at BIGINT;
ALTER TABLE calls ADD COLUMN bot_decided_at BIGINT;
ALTER TABLE calls ADD COLUMN held BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE calls ADD COLUMN held_at BIGINT;
ALTER TABLE calls ADD COLUMN waiting_since BIGINT;
ALTER TABLE calls ADD COLUMN waiting_at BIGINT;
CREATE INDEX calls_by_answerer ON calls (tenant_id, answered_by, started_at, id) WHERE answered_by IS NOT NULL;
CREATE INDEX calls_waiting ON calls (waiting_at) WHERE waiting_at IS NOT NULL;

ALTER TABLE sessions ADD COLUMN side TEXT COLLATE "C" NOT NULL DEFAULT 'beside';
ALTER TABLE sessions ADD COLUMN wanted_mode TEXT COLLATE "C";
ALTER TABLE sessions ADD COLUMN wanted_at BIGINT;

ALTER TABLE call_messages ADD COLUMN say_id UUID;
ALTER TABLE call_messages ADD COLUMN outcome TEXT COLLATE "C";
CREATE UNIQUE INDEX call_messages_by_say ON call_messages (tenant_id, call_id, say_id) WHERE say_id IS NOT NULL;

CREATE FUNCTION node_sessions_asked(UUID) RETURNS TABLE (tenant_id UUID, id UUID)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id FROM sessions WHERE node = $1 AND ended_at IS NULL AND wanted_mode IS NOT NULL';

CREATE FUNCTION node_calls_asked(UUID, BIGINT) RETURNS TABLE (tenant_id UUID, id UUID)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id FROM calls WHERE media_node = $1
         AND ((bot_asked AND bot_state IS NULL) OR bot_decided_at >= $2 OR held_at >= $2)';

CREATE FUNCTION calls_waiting(BIGINT) RETURNS TABLE (tenant_id UUID, id UUID)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id FROM calls WHERE waiting_at <= $1 ORDER BY waiting_at LIMIT 100';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
