-- The bot of a number, sealed: its URL, parameters and instructions may have secrets. `settings` then has none. Rows of before
-- have it there in clear until they are next written, or sealed all together.
ALTER TABLE numbers ADD COLUMN sealed_bot BLOB;
-- Which key it is sealed with.
ALTER TABLE numbers ADD COLUMN key_id TEXT;
