-- As in sqlite/0021_account_tokens.sql.
ALTER TABLE twilio_accounts ADD COLUMN sealed_secondary BYTEA;
ALTER TABLE twilio_accounts ADD COLUMN key_id TEXT COLLATE "C";

CREATE FUNCTION tenants_with_old_seals(TEXT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT DISTINCT tenant_id FROM twilio_accounts WHERE key_id IS DISTINCT FROM $1';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
