-- How often Twilio was asked for another stream since one last went well for a while, and when last.
ALTER TABLE calls ADD COLUMN stream_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN stream_tried_at INTEGER;
