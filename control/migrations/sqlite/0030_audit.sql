-- Who did what, for good: rows are added and never changed. Each row's hash covers the row and the hash before
-- it, so that whoever changes, removes or reorders rows is found out (`partyline audit verify`).
CREATE TABLE audit (
    tenant_id BLOB    NOT NULL,
    -- Dense and rising from 1.
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    action    TEXT    NOT NULL,
    -- Who: no foreign key, for the record outlives the person. NULL: the operator, or the server itself.
    user_id   BLOB,
    -- The API key that acted for them.
    key_id    TEXT,
    -- From where.
    address   TEXT,
    call_id   BLOB,
    -- What it was done to.
    target    TEXT,
    -- A JSON object.
    data      TEXT    NOT NULL,
    -- SHA-256 of the hash before and the row in its canonical form.
    hash      BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_user ON audit (tenant_id, user_id, seq);
CREATE INDEX audit_by_call ON audit (tenant_id, call_id, seq) WHERE call_id IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log is not changed');
END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'the audit log is not removed');
END;
