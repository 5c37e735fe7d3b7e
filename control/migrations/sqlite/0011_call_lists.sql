-- Every list of calls is a range of one of these, newest first.
DROP INDEX calls_by_start;
CREATE INDEX calls_by_start ON calls (tenant_id, started_at, id);
CREATE INDEX calls_by_status ON calls (tenant_id, status, started_at, id);
CREATE INDEX calls_by_handled ON calls (tenant_id, is_handled, started_at, id);
CREATE INDEX calls_by_urgent ON calls (tenant_id, is_urgent, started_at, id);
CREATE INDEX calls_by_customer ON calls (tenant_id, customer_number, started_at, id);
CREATE INDEX calls_by_organization ON calls (tenant_id, organization_number, started_at, id);

-- By what a call is found: the words of what is kept of it, folded, and '#' with parts of its customer's number.
-- Made of the record and its messages and kept in step with them; so no foreign key, which would look at each row
-- again. A call's rows have its started_at.
CREATE TABLE call_words (
    tenant_id  BLOB    NOT NULL,
    word       TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    call_id    BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, word, started_at, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_words_by_call ON call_words (tenant_id, call_id, word);
