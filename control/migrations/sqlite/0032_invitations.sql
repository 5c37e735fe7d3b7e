-- Leave to become one of the tenant's people, once, for who holds the link.
CREATE TABLE invitations (
    tenant_id   BLOB    NOT NULL REFERENCES tenants (id),
    -- What the token begins with: inv_ and 16 hex digits.
    id          TEXT    NOT NULL,
    -- SHA-256 of the token in the link: the link itself is with whom the admin gave it.
    hash        BLOB    NOT NULL UNIQUE,
    -- Lower case.
    email       TEXT    NOT NULL,
    role        TEXT    NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent', 'viewer')),
    -- The admin who invited. NULL: the operator.
    invited_by  BLOB,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    accepted_at INTEGER,
    revoked_at  INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_email ON invitations (tenant_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;
