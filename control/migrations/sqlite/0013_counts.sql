-- How many calls there are of each kind, by the hour they began in and, as hour -1, over all: so figures need not
-- look at calls. Kept in step with each change of a call.
CREATE TABLE call_counts (
    tenant_id  BLOB    NOT NULL,
    -- Hours since 1970.
    hour       INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    is_handled INTEGER NOT NULL,
    -- How long they lasted: 0 if they were not answered or are not over, then 1: less than 30 s, 2: 2 min,
    -- 3: 5 min, 4: 15 min, 5: longer.
    lasted     INTEGER NOT NULL,
    calls      INTEGER NOT NULL,
    answered   INTEGER NOT NULL,
    -- Of those that were answered and are over.
    seconds    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, hour, status, is_handled, lasted)
) STRICT, WITHOUT ROWID;

INSERT INTO call_counts
SELECT tenant_id, hour, status, is_handled, lasted, count(*), sum(CASE WHEN answered_at IS NULL THEN 0 ELSE 1 END),
       sum(CASE WHEN lasted = 0 THEN 0 ELSE duration_seconds END)
FROM (SELECT c.*, CASE WHEN k.is_total = 1 THEN -1 ELSE c.started_at / 3600000 END AS hour,
             CASE WHEN c.answered_at IS NULL OR c.duration_seconds IS NULL THEN 0 WHEN c.duration_seconds < 30 THEN 1
                  WHEN c.duration_seconds < 120 THEN 2 WHEN c.duration_seconds < 300 THEN 3
                  WHEN c.duration_seconds < 900 THEN 4 ELSE 5 END AS lasted
      FROM calls c CROSS JOIN (SELECT 0 AS is_total UNION ALL SELECT 1) k) d
GROUP BY tenant_id, hour, status, is_handled, lasted;
