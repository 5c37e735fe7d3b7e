-- The account's other auth token, while they are being rotated at Twilio; and which key both are sealed with. Rows of
-- before have none: theirs is found by trying.
ALTER TABLE twilio_accounts ADD COLUMN sealed_secondary BLOB;
ALTER TABLE twilio_accounts ADD COLUMN key_id TEXT;
