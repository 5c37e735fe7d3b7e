-- As in sqlite/0032_invitations.sql.
CREATE TABLE invitations (
    tenant_id UUID NOT NULL REFERENCES tenants (id),
    -- What the token begins with: inv_ and 16 hex digits.
    id TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the token in the link: the link itself is with whom the admin gave it.
    hash BYTEA NOT NULL UNIQUE,
    -- Lower case.
    email TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent', 'viewer')),
    -- The admin who invited. NULL: the operator.
    invited_by UUID,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX invitations_by_email ON invitations (tenant_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON invitations USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
CREATE POLICY found_by_the_owner ON invitations FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION tenant_by_invitation(BYTEA) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM invitations WHERE hash = $1';

-- The tenants that have invited this e-mail and still wait for an answer.
CREATE FUNCTION tenant_by_invited_email(TEXT, BIGINT) RETURNS SETOF UUID
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
    'SELECT tenant_id FROM invitations
     WHERE email = $1 AND expires_at > $2 AND accepted_at IS NULL AND revoked_at IS NULL ORDER BY created_at DESC, id';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
