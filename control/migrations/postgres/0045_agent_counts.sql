-- As in sqlite/0045_agent_counts.sql.
CREATE TABLE call_counts_by_answerer (
    tenant_id UUID NOT NULL,
    answered_by UUID NOT NULL,
    hour BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    is_handled BOOLEAN NOT NULL,
    lasted BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    seconds BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, answered_by, hour, status, is_handled, lasted)
);

INSERT INTO call_counts_by_answerer
SELECT tenant_id, answered_by, hour, status, is_handled, lasted, count(*),
       sum(CASE WHEN answered_at IS NULL THEN 0 ELSE 1 END), sum(CASE WHEN lasted = 0 THEN 0 ELSE duration_seconds END)
FROM (SELECT c.*, CASE WHEN k.is_total = 1 THEN -1 ELSE c.started_at / 3600000 END AS hour,
             CASE WHEN c.answered_at IS NULL OR c.duration_seconds IS NULL THEN 0 WHEN c.duration_seconds < 30 THEN 1
                  WHEN c.duration_seconds < 120 THEN 2 WHEN c.duration_seconds < 300 THEN 3
                  WHEN c.duration_seconds < 900 THEN 4 ELSE 5 END AS lasted
      FROM calls c CROSS JOIN (SELECT 0 AS is_total UNION ALL SELECT 1) k WHERE c.answered_by IS NOT NULL) d
GROUP BY tenant_id, answered_by, hour, status, is_handled, lasted;

ALTER TABLE call_counts_by_answerer ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON call_counts_by_answerer USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());
