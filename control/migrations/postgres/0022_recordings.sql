-- As in sqlite/0022_recordings.sql.
CREATE TABLE recordings (
    tenant_id UUID NOT NULL,
    call_id UUID NOT NULL,
    -- Twilio's.
    sid TEXT COLLATE "C" NOT NULL,
    -- In Twilio's words. One that is over stays so.
    status TEXT COLLATE "C" NOT NULL,
    is_over BOOLEAN NOT NULL,
    duration_seconds BIGINT,
    channels BIGINT,
    -- Where Twilio has the audio, for whoever has the account's token.
    url TEXT COLLATE "C",
    error_code BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, call_id, sid),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE recordings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON recordings USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
