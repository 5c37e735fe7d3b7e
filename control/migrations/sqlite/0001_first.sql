-- Every table of a tenant's data begins with tenant_id, and so does every index, but for the few by which
-- a tenant is found at all: users.email, twilio_accounts.account_sid, refresh_tokens.hash, and what a
-- gateway holds (its heartbeat names no tenants). Times are Unix milliseconds. Ids are 16 bytes of a UUIDv7.

CREATE TABLE tenants (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    -- Number of the tenant's newest event: what a live client resumes from.
    last_seq   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    tenant_id     BLOB    NOT NULL REFERENCES tenants (id),
    id            BLOB    NOT NULL,
    -- Lower case. One person, one sign-in, whatever the tenant: the e-mail names the tenant.
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent', 'viewer')),
    password_hash TEXT    NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- One sign-in: from the password to the logout, over all the refresh tokens between.
CREATE TABLE sign_ins (
    tenant_id  BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    user_id    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
CREATE INDEX sign_ins_by_user ON sign_ins (tenant_id, user_id);

CREATE TABLE refresh_tokens (
    tenant_id  BLOB    NOT NULL,
    sign_in_id BLOB    NOT NULL,
    -- SHA-256 of the token: the token itself is with the browser alone.
    hash       BLOB    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    FOREIGN KEY (tenant_id, sign_in_id) REFERENCES sign_ins (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_sign_in ON refresh_tokens (tenant_id, sign_in_id);

CREATE TABLE twilio_accounts (
    tenant_id    BLOB    NOT NULL REFERENCES tenants (id),
    account_sid  TEXT    NOT NULL UNIQUE,
    -- AES-256-GCM: nonce, ciphertext, tag. The key is a file in the data directory.
    sealed_token BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, account_sid)
) STRICT, WITHOUT ROWID;

CREATE TABLE numbers (
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id),
    -- E.164.
    number     TEXT    NOT NULL,
    label      TEXT    NOT NULL DEFAULT '',
    route      TEXT    NOT NULL CHECK (route IN ('monitor', 'agent')),
    -- A JSON object.
    settings   TEXT    NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    tenant_id           BLOB    NOT NULL REFERENCES tenants (id),
    id                  BLOB    NOT NULL,
    call_sid            TEXT    NOT NULL,
    account_sid         TEXT    NOT NULL,
    direction           TEXT    NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    status              TEXT    NOT NULL CHECK (status IN
        ('incoming', 'in_progress', 'completed', 'failed', 'no_answer', 'busy', 'canceled')),
    customer_number     TEXT    NOT NULL,
    organization_number TEXT    NOT NULL,
    caller_name         TEXT,
    started_at          INTEGER NOT NULL,
    answered_at         INTEGER,
    ended_at            INTEGER CHECK (ended_at >= started_at),
    duration_seconds    INTEGER,
    -- Who says that it ended: 'twilio' or 'reconciled' (nobody did, and it had been still for too long).
    end_source          TEXT    CHECK (end_source IN ('twilio', 'reconciled')),
    end_sequence        INTEGER,
    -- As reported, before ended_at and duration_seconds were made of them.
    end_at              INTEGER,
    end_seconds         INTEGER,
    -- Highest SequenceNumber of a status callback so far.
    last_sequence       INTEGER,
    -- The last sign of life: a webhook, or its media at a gateway.
    active_at           INTEGER NOT NULL,
    is_handled          INTEGER NOT NULL DEFAULT 0,
    is_urgent           INTEGER NOT NULL DEFAULT 0,
    intent              TEXT,
    summary             TEXT,
    notes               TEXT,
    -- A JSON array of texts.
    tags                TEXT    NOT NULL DEFAULT '[]',
    -- The open media stream, if there is one.
    media_node          BLOB,
    media_stream        TEXT,
    media_since         INTEGER,
    -- A JSON array: the voices of the newest stream.
    media_tracks        TEXT    NOT NULL DEFAULT '[]',
    event_count         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, call_sid),
    CHECK ((status IN ('incoming', 'in_progress')) = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_open ON calls (tenant_id, id) WHERE ended_at IS NULL;
CREATE INDEX calls_still ON calls (active_at) WHERE ended_at IS NULL;
CREATE INDEX calls_by_node ON calls (media_node) WHERE media_node IS NOT NULL;
CREATE UNIQUE INDEX calls_by_id ON calls (id);
CREATE INDEX calls_by_start ON calls (tenant_id, started_at);

CREATE TABLE events (
    tenant_id BLOB    NOT NULL,
    -- Dense and rising over all the tenant's calls.
    seq       INTEGER NOT NULL,
    call_id   BLOB    NOT NULL,
    -- Dense and rising over this call.
    call_seq  INTEGER NOT NULL,
    type      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    -- A JSON object.
    data      TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_call ON events (tenant_id, call_id, call_seq);

-- What Twilio has told us about a call, once each.
CREATE TABLE webhook_receipts (
    tenant_id   BLOB    NOT NULL,
    call_id     BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id, key),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    tenant_id    BLOB    NOT NULL,
    id           BLOB    NOT NULL,
    call_id      BLOB    NOT NULL,
    user_id      BLOB    NOT NULL,
    mode         TEXT    NOT NULL CHECK (mode IN ('listen', 'whisper', 'join', 'takeover')),
    reason       TEXT,
    notes        TEXT,
    created_at   INTEGER NOT NULL,
    -- Until when the grant opens a connection.
    expires_at   INTEGER NOT NULL,
    -- Set while and after it carried audio.
    connected_at INTEGER,
    node         BLOB,
    -- Somebody asked for its end; the gateway may not have heard of it yet.
    revoked_at   INTEGER,
    ended_at     INTEGER,
    end_reason   TEXT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_call ON sessions (tenant_id, call_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_node ON sessions (node) WHERE ended_at IS NULL;
CREATE INDEX sessions_unused ON sessions (expires_at) WHERE ended_at IS NULL AND connected_at IS NULL;
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
