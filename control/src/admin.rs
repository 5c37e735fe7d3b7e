//! What an operator does on the machine, with the database and without a server.

use common::TenantId;

use crate::audit::{Fault, Head};
use crate::live::Hub;
use crate::store::{OpenError, Store, StoreError};

/// An operator at work on the database. Safe beside running servers.
#[derive(Debug)]
pub struct Admin {
    store: Store,
}

impl Admin {
    /// Opens the database at this URL. A SQLite database is brought up to date; a PostgreSQL one must be.
    ///
    /// # Errors
    ///
    /// When the database cannot be opened, or is not of this release.
    pub async fn open(database_url: &str) -> Result<Self, OpenError> {
        Ok(Self { store: Store::open(database_url, None, Hub::default()).await? })
    }

    /// Goes through the audit log of this tenant, or of all: where each ends, or its first bad row. `kept` are heads
    /// that the logs had at other times: a tenant with one that is gone has a fault too.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn audit_verify(
        &self,
        tenant: Option<TenantId>,
        kept: &[Head],
    ) -> Result<Vec<Result<Head, Fault>>, StoreError> {
        let tenants = match tenant {
            Some(tenant) => vec![tenant],
            None => {
                let mut all = self.store.tenant_list().await?;
                all.extend(kept.iter().map(|head| head.tenant));
                all.sort_unstable();
                all.dedup();
                all
            }
        };
        let mut verdicts = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let kept: Vec<Head> = kept.iter().filter(|head| head.tenant == tenant).copied().collect();
            verdicts.push(self.store.audit_verify(tenant, &kept).await?);
        }
        Ok(verdicts)
    }

    /// Closes the database in order.
    pub async fn close(self) {
        self.store.close().await;
    }
}
