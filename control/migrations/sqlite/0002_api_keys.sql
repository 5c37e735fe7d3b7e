-- What programs send in place of a sign-in. A key acts for a person, within its scopes.
CREATE TABLE api_keys (
    tenant_id    BLOB    NOT NULL,
    -- What the key begins with: plk_ and 16 hex digits.
    id           TEXT    NOT NULL,
    -- SHA-256 of the key: the key itself is with its holder alone.
    hash         BLOB    NOT NULL UNIQUE,
    user_id      BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    -- A JSON array of texts.
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    -- To the minute.
    last_used_at INTEGER,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_age ON api_keys (tenant_id, created_at, id) WHERE revoked_at IS NULL;
