-- As in sqlite/0002_api_keys.sql.
CREATE TABLE api_keys (
    tenant_id UUID NOT NULL,
    -- What the key begins with: plk_ and 16 hex digits.
    id TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the key: the key itself is with its holder alone.
    hash BYTEA NOT NULL UNIQUE,
    user_id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    -- A JSON array of texts.
    scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    -- To the minute.
    last_used_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_by_age ON api_keys (tenant_id, created_at, id) WHERE revoked_at IS NULL;

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON api_keys USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
CREATE POLICY found_by_the_owner ON api_keys FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION tenant_by_key(BYTEA) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM api_keys WHERE hash = $1';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
