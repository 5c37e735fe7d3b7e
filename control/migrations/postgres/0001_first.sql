-- The tables, as in sqlite/0001_first.sql. Texts compare by their bytes, whatever the server's locale: so
-- pages follow on each other, and an upgrade of the operating system breaks no index.
--
-- Migrations only go forward, and only add what the release before can live with.

CREATE TABLE tenants (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    -- Number of the tenant's newest event: what a live client resumes from.
    last_seq BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    tenant_id UUID NOT NULL REFERENCES tenants (id),
    id UUID NOT NULL,
    -- Lower case. One person, one sign-in, whatever the tenant: the e-mail names the tenant.
    email TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent', 'viewer')),
    password_hash TEXT COLLATE "C" NOT NULL,
    disabled BOOLEAN NOT NULL DEFAULT false,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- One sign-in: from the password to the logout, over all the refresh tokens between.
CREATE TABLE sign_ins (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
CREATE INDEX sign_ins_by_user ON sign_ins (tenant_id, user_id);

CREATE TABLE refresh_tokens (
    tenant_id UUID NOT NULL,
    sign_in_id UUID NOT NULL,
    -- SHA-256 of the token: the token itself is with the browser alone.
    hash BYTEA NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    FOREIGN KEY (tenant_id, sign_in_id) REFERENCES sign_ins (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_sign_in ON refresh_tokens (tenant_id, sign_in_id);

CREATE TABLE twilio_accounts (
    tenant_id UUID NOT NULL REFERENCES tenants (id),
    account_sid TEXT COLLATE "C" NOT NULL UNIQUE,
    -- AES-256-GCM: nonce, ciphertext, tag. The key is a file in the data directory.
    sealed_token BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, account_sid)
);

CREATE TABLE numbers (
    tenant_id UUID NOT NULL REFERENCES tenants (id),
    -- E.164.
    number TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL DEFAULT '',
    route TEXT COLLATE "C" NOT NULL CHECK (route IN ('monitor', 'agent')),
    -- A JSON object.
    settings TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, number)
);

CREATE TABLE calls (
    tenant_id UUID NOT NULL REFERENCES tenants (id),
    id UUID NOT NULL,
    call_sid TEXT COLLATE "C" NOT NULL,
    account_sid TEXT COLLATE "C" NOT NULL,
    direction TEXT COLLATE "C" NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN
        ('incoming', 'in_progress', 'completed', 'failed', 'no_answer', 'busy', 'canceled')),
    customer_number TEXT COLLATE "C" NOT NULL,
    organization_number TEXT COLLATE "C" NOT NULL,
    caller_name TEXT COLLATE "C",
    started_at BIGINT NOT NULL,
    answered_at BIGINT,
    ended_at BIGINT CHECK (ended_at >= started_at),
    duration_seconds BIGINT,
    -- Who says that it ended: 'twilio' or 'reconciled' (nobody did, and it had been still for too long).
    end_source TEXT COLLATE "C" CHECK (end_source IN ('twilio', 'reconciled')),
    end_sequence BIGINT,
    -- As reported, before ended_at and duration_seconds were made of them.
    end_at BIGINT,
    end_seconds BIGINT,
    -- Highest SequenceNumber of a status callback so far.
    last_sequence BIGINT,
    -- The last sign of life: a webhook, or its media at a gateway.
    active_at BIGINT NOT NULL,
    is_handled BOOLEAN NOT NULL DEFAULT false,
    is_urgent BOOLEAN NOT NULL DEFAULT false,
    intent TEXT COLLATE "C",
    summary TEXT COLLATE "C",
    notes TEXT COLLATE "C",
    -- A JSON array of texts.
    tags TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    -- The open media stream, if there is one.
    media_node UUID,
    media_stream TEXT COLLATE "C",
    media_since BIGINT,
    -- A JSON array: the voices of the newest stream.
    media_tracks TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    event_count BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, call_sid),
    CHECK ((status IN ('incoming', 'in_progress')) = (ended_at IS NULL))
);
CREATE INDEX calls_open ON calls (tenant_id, id) WHERE ended_at IS NULL;
CREATE INDEX calls_still ON calls (active_at) WHERE ended_at IS NULL;
CREATE INDEX calls_by_node ON calls (media_node) WHERE media_node IS NOT NULL;
CREATE UNIQUE INDEX calls_by_id ON calls (id);
CREATE INDEX calls_by_start ON calls (tenant_id, started_at);

CREATE TABLE events (
    tenant_id UUID NOT NULL,
    -- Dense and rising over all the tenant's calls.
    seq BIGINT NOT NULL,
    call_id UUID NOT NULL,
    -- Dense and rising over this call.
    call_seq BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    -- A JSON object.
    data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
);
CREATE UNIQUE INDEX events_by_call ON events (tenant_id, call_id, call_seq);

-- What Twilio has told us about a call, once each.
CREATE TABLE webhook_receipts (
    tenant_id UUID NOT NULL,
    call_id UUID NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, call_id, key),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
);

CREATE TABLE sessions (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    call_id UUID NOT NULL,
    user_id UUID NOT NULL,
    mode TEXT COLLATE "C" NOT NULL CHECK (mode IN ('listen', 'whisper', 'join', 'takeover')),
    reason TEXT COLLATE "C",
    notes TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    -- Until when the grant opens a connection.
    expires_at BIGINT NOT NULL,
    -- Set while and after it carried audio.
    connected_at BIGINT,
    node UUID,
    -- Somebody asked for its end; the gateway may not have heard of it yet.
    revoked_at BIGINT,
    ended_at BIGINT,
    end_reason TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX sessions_by_call ON sessions (tenant_id, call_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_node ON sessions (node) WHERE ended_at IS NULL;
CREATE INDEX sessions_unused ON sessions (expires_at) WHERE ended_at IS NULL AND connected_at IS NULL;
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
