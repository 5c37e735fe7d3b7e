-- As in sqlite/0060_conferences.sql.
ALTER TABLE calls ADD COLUMN conference TEXT COLLATE "C";
ALTER TABLE calls ADD COLUMN agent_call_sid TEXT COLLATE "C";

CREATE TABLE side_legs (
    tenant_id UUID NOT NULL,
    call_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    call_sid TEXT COLLATE "C",
    asked_at BIGINT NOT NULL,
    node UUID,
    PRIMARY KEY (tenant_id, call_id, kind),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX side_legs_by_sid ON side_legs (tenant_id, call_sid);

ALTER TABLE side_legs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY of_the_tenant ON side_legs USING (tenant_id = current_tenant())
    WITH CHECK (tenant_id = current_tenant());

ALTER TABLE numbers DROP CONSTRAINT numbers_route_check;
ALTER TABLE numbers ADD CONSTRAINT numbers_route_check CHECK (route IN ('monitor', 'conference', 'agent'));
