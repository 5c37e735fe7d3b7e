-- What is said and sent in calls: what was heard of the customer and the agent, and what was spoken for the agent.
CREATE TABLE call_messages (
    tenant_id         BLOB    NOT NULL,
    call_id           BLOB    NOT NULL,
    -- Dense and rising over the call.
    seq               INTEGER NOT NULL,
    -- Rises over the call with every change of a message: what a live transcript resumes from.
    revision          INTEGER NOT NULL,
    message_type      TEXT    NOT NULL CHECK (message_type IN ('transcript', 'tts_audio')),
    sender_type       TEXT    NOT NULL CHECK (sender_type IN ('customer', 'agent')),
    sender_name       TEXT,
    content           TEXT    NOT NULL,
    -- 0 to 1.
    confidence        REAL,
    detected_language TEXT,
    -- Until it is, its content may still change.
    is_final          INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX call_messages_by_revision ON call_messages (tenant_id, call_id, revision);
ALTER TABLE calls ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN message_revision INTEGER NOT NULL DEFAULT 0;
