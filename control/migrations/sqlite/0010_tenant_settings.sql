-- What a tenant's admins decide for it: a JSON object, as TenantSettings has it.
ALTER TABLE tenants ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
