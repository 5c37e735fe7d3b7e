-- What a call's TwiML did when it came, or came back. NULL: it came before this was kept.
ALTER TABLE calls ADD COLUMN route TEXT;
-- The person in the console who answered it.
ALTER TABLE calls ADD COLUMN answered_by BLOB;
-- Whether a bot is to answer it; what that does, as the gateway says.
ALTER TABLE calls ADD COLUMN bot_asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN bot_state TEXT;
-- Whether it is to be paused, since when it was last, and when somebody last decided.
ALTER TABLE calls ADD COLUMN bot_paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN bot_paused_at INTEGER;
ALTER TABLE calls ADD COLUMN bot_decided_at INTEGER;
-- Whether the caller is on hold, and when somebody last decided.
ALTER TABLE calls ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN held_at INTEGER;
-- Since when the caller waits for a person, and when they are next told something.
ALTER TABLE calls ADD COLUMN waiting_since INTEGER;
ALTER TABLE calls ADD COLUMN waiting_at INTEGER;
CREATE INDEX calls_by_answerer ON calls (tenant_id, answered_by, started_at, id) WHERE answered_by IS NOT NULL;
CREATE INDEX calls_waiting ON calls (waiting_at) WHERE waiting_at IS NOT NULL;

-- 'beside' the call, or the 'agent' in it.
ALTER TABLE sessions ADD COLUMN side TEXT NOT NULL DEFAULT 'beside';
-- What somebody asked that it may do, and when, until the gateway says that it is so.
ALTER TABLE sessions ADD COLUMN wanted_mode TEXT;
ALTER TABLE sessions ADD COLUMN wanted_at INTEGER;

-- The line that the gateway was told to say, and what became of it.
ALTER TABLE call_messages ADD COLUMN say_id BLOB;
ALTER TABLE call_messages ADD COLUMN outcome TEXT;
CREATE UNIQUE INDEX call_messages_by_say ON call_messages (tenant_id, call_id, say_id) WHERE say_id IS NOT NULL;
