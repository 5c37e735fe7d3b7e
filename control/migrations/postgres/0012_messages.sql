-- As in sqlite/0012_messages.sql.
CREATE TABLE call_messages (
    tenant_id UUID NOT NULL,
    call_id UUID NOT NULL,
    -- Dense and rising over the call.
    seq BIGINT NOT NULL,
    -- Rises over the call with every change of a message: what a live transcript resumes from.
    revision BIGINT NOT NULL,
    message_type TEXT COLLATE "C" NOT NULL CHECK (message_type IN ('transcript', 'tts_audio')),
    sender_type TEXT COLLATE "C" NOT NULL CHECK (sender_type IN ('customer', 'agent')),
    sender_name TEXT COLLATE "C",
    content TEXT COLLATE "C" NOT NULL,
    -- 0 to 1.
    confidence DOUBLE PRECISION,
    detected_language TEXT COLLATE "C",
    -- Until it is, its content may still change.
    is_final BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, call_id, seq),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
);
CREATE UNIQUE INDEX call_messages_by_revision ON call_messages (tenant_id, call_id, revision);
ALTER TABLE calls ADD COLUMN message_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN message_revision BIGINT NOT NULL DEFAULT 0;

ALTER TABLE call_messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON call_messages USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
