-- The second lock. The first is the WHERE of each statement; should one be missing, row level security still
-- shows a transaction the rows of its own tenant alone, and none when it has said no tenant.
--
-- The server works as a role that owns nothing here. FORCE binds the owner too: its migrations that change
-- rows must say a tenant (set_config('app.tenant', ...)) or lift the policy for themselves.

CREATE FUNCTION current_tenant() RETURNS UUID LANGUAGE sql STABLE PARALLEL SAFE
    -- After a transaction that set it, the setting is there and empty.
    RETURN nullif(current_setting('app.tenant', true), '')::UUID;

DO $$
DECLARE
    name TEXT;
BEGIN
    ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY of_the_tenant ON tenants USING (id = current_tenant()) WITH CHECK (id = current_tenant());
    FOREACH name IN ARRAY ARRAY['users', 'sign_ins', 'refresh_tokens', 'twilio_accounts', 'numbers', 'calls',
                                'events', 'webhook_receipts', 'sessions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY of_the_tenant ON %I USING (tenant_id = current_tenant())
                            WITH CHECK (tenant_id = current_tenant())', name);
    END LOOP;
END $$;

-- Whose something is must be found before there is a tenant to say. Only the owner may look over all tenants,
-- in these tables, and only the functions below do it for the server: each gives ids and times.
CREATE POLICY found_by_the_owner ON users FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY found_by_the_owner ON sign_ins FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY found_by_the_owner ON refresh_tokens FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY found_by_the_owner ON twilio_accounts FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY found_by_the_owner ON calls FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY found_by_the_owner ON sessions FOR SELECT TO CURRENT_USER USING (true);

-- The path is fixed: who calls a function that runs as its owner must not say which tables it means.
CREATE FUNCTION tenant_by_email(TEXT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM users WHERE email = $1';

CREATE FUNCTION tenant_by_account(TEXT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM twilio_accounts WHERE account_sid = $1';

CREATE FUNCTION tenant_by_call(UUID) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM calls WHERE id = $1';

CREATE FUNCTION tenant_by_session(UUID) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM sessions WHERE id = $1';

CREATE FUNCTION refresh_token_owner(BYTEA) RETURNS TABLE (tenant_id UUID, sign_in_id UUID)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, sign_in_id FROM refresh_tokens WHERE hash = $1';

CREATE FUNCTION node_streams(UUID) RETURNS TABLE (tenant_id UUID, id UUID, since BIGINT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id, coalesce(media_since, 0) FROM calls WHERE media_node = $1';

CREATE FUNCTION node_sessions(UUID)
    RETURNS TABLE (tenant_id UUID, id UUID, since BIGINT, is_revoked BOOLEAN)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id, coalesce(connected_at, 0), revoked_at IS NOT NULL FROM sessions
     WHERE node = $1 AND ended_at IS NULL';

CREATE FUNCTION node_list() RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT media_node FROM calls WHERE media_node IS NOT NULL
     UNION SELECT node FROM sessions WHERE ended_at IS NULL AND node IS NOT NULL';

CREATE FUNCTION calls_still(BIGINT) RETURNS TABLE (tenant_id UUID, id UUID, active_at BIGINT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id, id, active_at FROM calls
     WHERE ended_at IS NULL AND media_node IS NULL AND active_at < $1 ORDER BY active_at LIMIT 100';

CREATE FUNCTION tenants_with_unused_sessions(BIGINT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT DISTINCT tenant_id FROM sessions
     WHERE ended_at IS NULL AND connected_at IS NULL AND expires_at < $1 LIMIT 100';

CREATE FUNCTION tenants_with_old_sign_ins(BIGINT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM sign_ins WHERE expires_at <= $1
     UNION SELECT tenant_id FROM refresh_tokens WHERE expires_at <= $1 LIMIT 100';

-- What the server may call, the migrating owner grants to its role.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
