-- A call can be deleted, and with it what is known of people. That it was there stays: its events keep their numbers,
-- and so have no foreign key any more.
CREATE TABLE events_kept (
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
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO events_kept SELECT tenant_id, seq, call_id, call_seq, type, at, data FROM events;
DROP TABLE events;
ALTER TABLE events_kept RENAME TO events;
CREATE UNIQUE INDEX events_by_call ON events (tenant_id, call_id, call_seq);

-- Twilio may speak of a call once more after it was deleted: by this it is known, for a month.
CREATE TABLE deleted_calls (
    tenant_id  BLOB    NOT NULL,
    call_sid   TEXT    NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, call_sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_calls_by_age ON deleted_calls (tenant_id, deleted_at);
