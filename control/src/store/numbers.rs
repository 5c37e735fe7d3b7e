//! Phone numbers.

use common::TenantId;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Sql, Store, StoreError, Txn, from_json, from_millis, from_word, millis, sql, to_json};
use crate::model::{Number, NumberSettings, Route};

/// A number to make.
pub(crate) struct NumberNew<'a> {
    /// E.164.
    pub(crate) number: &'a str,
    pub(crate) label: &'a str,
    pub(crate) route: Route,
    pub(crate) settings: &'a NumberSettings,
}

/// What to change of a number. `None` leaves it.
pub(crate) struct NumberChange {
    pub(crate) label: Option<String>,
    pub(crate) route: Option<Route>,
    pub(crate) settings: Option<NumberSettings>,
}

#[derive(FromRow)]
struct Row {
    number: String,
    label: String,
    route: String,
    settings: String,
    created_at: i64,
}

impl Row {
    fn read(self) -> Result<Number, StoreError> {
        let settings: NumberSettings = from_json(&self.settings, "number's settings")?;
        Ok(Number {
            number: self.number,
            label: self.label,
            route: from_word(&self.route, "route")?,
            has_bot: settings.bot.is_some(),
            settings,
            created_at: from_millis(self.created_at)?,
        })
    }
}

impl Store {
    /// The tenant's numbers, in order; at most 1000.
    pub(crate) async fn number_list(&self, tenant: TenantId) -> Result<Vec<Number>, StoreError> {
        let statement = sql("SELECT number, label, route, settings, created_at FROM numbers
             WHERE tenant_id = $1 ORDER BY number LIMIT 1000");
        let rows: Vec<Row> = self.all(tenant, statement.bind(tenant.as_uuid())).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// One number.
    pub(crate) async fn number_fetch(&self, tenant: TenantId, number: &str) -> Result<Number, StoreError> {
        self.one::<Row>(tenant, select(tenant, number)).await?.read()
    }
}

impl Txn {
    /// How many numbers the tenant has.
    pub(crate) async fn number_count(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let statement = sql("SELECT count(*) FROM numbers WHERE tenant_id = $1");
        let (count,) = statement.bind(tenant.as_uuid()).one(&mut self.tx).await?;
        Ok(count)
    }

    /// The number, as this transaction sees it, if the tenant has it.
    pub(crate) async fn number_find(
        &mut self,
        tenant: TenantId,
        number: &str,
    ) -> Result<Option<Number>, StoreError> {
        select(tenant, number).optional::<Row>(&mut self.tx).await?.map(Row::read).transpose()
    }

    /// Whether the tenant has this number.
    pub(crate) async fn number_exists(&mut self, tenant: TenantId, number: &str) -> Result<bool, StoreError> {
        Ok(select(tenant, number).optional::<Row>(&mut self.tx).await?.is_some())
    }

    /// Makes a number. `None`: the tenant has it already.
    pub(crate) async fn number_create(
        &mut self,
        tenant: TenantId,
        new: NumberNew<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<Number>, StoreError> {
        let row: Option<Row> =
            sql("INSERT INTO numbers (tenant_id, number, label, route, settings, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
             RETURNING number, label, route, settings, created_at")
            .bind(tenant.as_uuid())
            .bind(new.number)
            .bind(new.label)
            .bind(new.route.as_str())
            .bind(to_json(new.settings))
            .bind(millis(now))
            .optional(&mut self.tx)
            .await?;
        row.map(Row::read).transpose()
    }

    /// Changes a number, and gives what it is then.
    pub(crate) async fn number_change(
        &mut self,
        tenant: TenantId,
        number: &str,
        change: &NumberChange,
    ) -> Result<Number, StoreError> {
        sql("UPDATE numbers SET label = coalesce($3, label), route = coalesce($4, route),
                 settings = coalesce($5, settings)
             WHERE tenant_id = $1 AND number = $2")
        .bind(tenant.as_uuid())
        .bind(number)
        .bind(&change.label)
        .bind(change.route.map(Route::as_str))
        .bind(change.settings.as_ref().map(to_json))
        .run(&mut self.tx)
        .await?;
        select(tenant, number).one::<Row>(&mut self.tx).await?.read()
    }

    /// Forgets a number. Its calls stay.
    pub(crate) async fn number_delete(&mut self, tenant: TenantId, number: &str) -> Result<(), StoreError> {
        let deleted = sql("DELETE FROM numbers WHERE tenant_id = $1 AND number = $2")
            .bind(tenant.as_uuid())
            .bind(number)
            .run(&mut self.tx)
            .await?;
        if deleted == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }
}

fn select(tenant: TenantId, number: &str) -> Sql {
    sql("SELECT number, label, route, settings, created_at FROM numbers WHERE tenant_id = $1 AND number = $2")
        .bind(tenant.as_uuid())
        .bind(number)
}
