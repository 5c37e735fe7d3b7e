-- As in sqlite/0030_audit.sql.
CREATE TABLE audit (
    tenant_id UUID NOT NULL,
    -- Dense and rising from 1.
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    user_id UUID,
    key_id TEXT COLLATE "C",
    address TEXT COLLATE "C",
    call_id UUID,
    target TEXT COLLATE "C",
    -- A JSON object.
    data TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the hash before and the row in its canonical form.
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX audit_by_user ON audit (tenant_id, user_id, seq);
CREATE INDEX audit_by_call ON audit (tenant_id, call_id, seq) WHERE call_id IS NOT NULL;

-- A policy to read and one to add, and none to change or remove: whatever somebody grants, no row is touched. The
-- migrating owner gives the server's role no UPDATE and no DELETE here either, so that trying is an error.
ALTER TABLE audit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON audit FOR SELECT USING (tenant_id = current_tenant());
CREATE POLICY added_by_the_tenant ON audit FOR INSERT WITH CHECK (tenant_id = current_tenant());

-- Whose logs there are to check.
CREATE FUNCTION tenant_list() RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT id FROM tenants ORDER BY id';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
