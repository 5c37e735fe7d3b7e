-- As in sqlite/0014_deletion.sql.
ALTER TABLE events DROP CONSTRAINT events_tenant_id_call_id_fkey;

CREATE TABLE deleted_calls (
    tenant_id UUID NOT NULL,
    call_sid TEXT COLLATE "C" NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, call_sid)
);
CREATE INDEX deleted_calls_by_age ON deleted_calls (tenant_id, deleted_at);

ALTER TABLE deleted_calls ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON deleted_calls USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());

CREATE POLICY found_by_the_owner ON tenants FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION tenants_with_settings() RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT id FROM tenants WHERE settings <> ''{}'' LIMIT 10000';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
