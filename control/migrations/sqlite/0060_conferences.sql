-- A call that was moved into a conference at Twilio, so that people can be heard in it: 'asked', then 'in' when the
-- caller is led there. NULL: it is bridged, or people are heard on its own stream.
ALTER TABLE calls ADD COLUMN conference TEXT;
-- Whom a coach coaches there: Twilio's id of the agent's leg.
ALTER TABLE calls ADD COLUMN agent_call_sid TEXT;

-- Our own legs in calls' conferences: at most one of each kind.
CREATE TABLE side_legs (
    tenant_id BLOB NOT NULL,
    call_id BLOB NOT NULL,
    -- 'join': all hear it. 'coach': the agent alone.
    kind TEXT NOT NULL,
    -- Twilio's. NULL: it has not said it yet.
    call_sid TEXT,
    asked_at INTEGER NOT NULL,
    -- The gateway that has its audio. NULL: not yet, or not any more.
    node BLOB,
    PRIMARY KEY (tenant_id, call_id, kind),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX side_legs_by_sid ON side_legs (tenant_id, call_sid);

-- A route more. SQLite changes no CHECK, so the table is made anew; nothing refers to it.
CREATE TABLE numbers_new (
    tenant_id  BLOB    NOT NULL REFERENCES tenants (id),
    -- E.164.
    number     TEXT    NOT NULL,
    label      TEXT    NOT NULL DEFAULT '',
    route      TEXT    NOT NULL CHECK (route IN ('monitor', 'conference', 'agent')),
    -- A JSON object.
    settings   TEXT    NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    -- Its bot, sealed, and with which key.
    sealed_bot BLOB,
    key_id     TEXT,
    PRIMARY KEY (tenant_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO numbers_new (tenant_id, number, label, route, settings, created_at, sealed_bot, key_id)
SELECT tenant_id, number, label, route, settings, created_at, sealed_bot, key_id FROM numbers;
DROP TABLE numbers;
ALTER TABLE numbers_new RENAME TO numbers;
