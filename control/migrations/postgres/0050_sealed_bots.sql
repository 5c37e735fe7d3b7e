-- As in sqlite/0050_sealed_bots.sql.
ALTER TABLE numbers ADD COLUMN sealed_bot BYTEA;
ALTER TABLE numbers ADD COLUMN key_id TEXT COLLATE "C";

CREATE POLICY found_by_the_owner ON numbers FOR SELECT TO CURRENT_USER USING (true);

-- Beside the one of before, which older servers call while they are being replaced.
CREATE FUNCTION tenants_with_old_seals(TEXT, BOOLEAN) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM twilio_accounts WHERE key_id IS DISTINCT FROM $1
     UNION SELECT tenant_id FROM numbers
     WHERE (sealed_bot IS NOT NULL AND key_id IS DISTINCT FROM $1) OR ($2 AND settings LIKE ''%"bot":{%'')';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
