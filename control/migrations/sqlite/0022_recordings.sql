-- Recordings that Twilio made of a call and keeps.
CREATE TABLE recordings (
    tenant_id        BLOB    NOT NULL,
    call_id          BLOB    NOT NULL,
    -- Twilio's.
    sid              TEXT    NOT NULL,
    -- In Twilio's words. One that is over stays so.
    status           TEXT    NOT NULL,
    is_over          INTEGER NOT NULL,
    duration_seconds INTEGER,
    channels         INTEGER,
    -- Where Twilio has the audio, for whoever has the account's token.
    url              TEXT,
    error_code       INTEGER,
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_id, sid),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
