//! Tenants: their names, and what their admins decided.

use common::TenantId;
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, from_json, millis, sql, to_json};
use crate::model::TenantSettings;

impl Store {
    /// What the tenant's admins decided.
    pub(crate) async fn tenant_settings(&self, tenant: TenantId) -> Result<TenantSettings, StoreError> {
        let statement = sql(SETTINGS).bind(tenant.as_uuid());
        let (settings,): (String,) = self.one(tenant, statement).await?;
        from_json(&settings, "tenant's settings")
    }
}

impl Txn {
    /// Makes a tenant.
    pub(crate) async fn tenant_create(
        &mut self,
        tenant: TenantId,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3)")
            .bind(tenant.as_uuid())
            .bind(name)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// What the tenant's admins decided, as this transaction sees it.
    pub(crate) async fn tenant_settings(&mut self, tenant: TenantId) -> Result<TenantSettings, StoreError> {
        let (settings,): (String,) = sql(SETTINGS).bind(tenant.as_uuid()).one(&mut self.tx).await?;
        from_json(&settings, "tenant's settings")
    }

    /// Changes the tenant. `None` leaves its name.
    pub(crate) async fn tenant_put(
        &mut self,
        tenant: TenantId,
        name: Option<&str>,
        settings: &TenantSettings,
    ) -> Result<(), StoreError> {
        sql("UPDATE tenants SET name = coalesce($2, name), settings = $3 WHERE id = $1")
            .bind(tenant.as_uuid())
            .bind(name)
            .bind(to_json(settings))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}

const SETTINGS: &str = "SELECT settings FROM tenants WHERE id = $1";
