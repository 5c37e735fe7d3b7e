-- As in sqlite/0011_call_lists.sql.
DROP INDEX calls_by_start;
CREATE INDEX calls_by_start ON calls (tenant_id, started_at, id);
CREATE INDEX calls_by_status ON calls (tenant_id, status, started_at, id);
CREATE INDEX calls_by_handled ON calls (tenant_id, is_handled, started_at, id);
CREATE INDEX calls_by_urgent ON calls (tenant_id, is_urgent, started_at, id);
CREATE INDEX calls_by_customer ON calls (tenant_id, customer_number, started_at, id);
CREATE INDEX calls_by_organization ON calls (tenant_id, organization_number, started_at, id);

CREATE TABLE call_words (
    tenant_id UUID NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    call_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, word, started_at, call_id)
);
CREATE INDEX call_words_by_call ON call_words (tenant_id, call_id, word);

ALTER TABLE call_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON call_words USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
