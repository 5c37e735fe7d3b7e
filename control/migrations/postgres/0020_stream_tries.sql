-- As in sqlite/0020_stream_tries.sql.
ALTER TABLE calls ADD COLUMN stream_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN stream_tried_at BIGINT;
