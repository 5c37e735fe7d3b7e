-- As in sqlite/0010_tenant_settings.sql.
ALTER TABLE tenants ADD COLUMN settings TEXT COLLATE "C" NOT NULL DEFAULT '{}';
