//! Phone numbers. The bot of one is sealed: what it is told may have secrets.

use common::TenantId;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Sql, Store, StoreError, Txn, from_json, from_millis, from_word, millis, sql, to_json};
use crate::crypto::{Of, SecretBox};
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
    sealed_bot: Option<Vec<u8>>,
    created_at: i64,
}

impl Row {
    /// A bot that no key opens is not in the settings, though the number has one.
    fn read(self, tenant: TenantId, secrets: &SecretBox) -> Result<Number, StoreError> {
        let mut settings: NumberSettings = from_json(&self.settings, "number's settings")?;
        let has_bot = self.sealed_bot.is_some() || settings.bot.is_some();
        if let Some(sealed) = &self.sealed_bot {
            match secrets.unseal(tenant, Of::Bot(&self.number), sealed) {
                Ok(bot) => settings.bot = Some(from_json(&bot, "number's bot")?),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%tenant, number = self.number, error, "the bot of a number cannot be read");
                }
            }
        }
        Ok(Number {
            number: self.number,
            label: self.label,
            route: from_word(&self.route, "route")?,
            has_bot,
            settings,
            created_at: from_millis(self.created_at)?,
        })
    }
}

/// Settings as a row has them: all but the bot, the bot, and the key that has sealed it.
struct Kept<'a> {
    settings: String,
    sealed_bot: Option<Vec<u8>>,
    key_id: Option<&'a str>,
}

impl<'a> Kept<'a> {
    fn of(tenant: TenantId, number: &str, settings: &NumberSettings, secrets: &'a SecretBox) -> Self {
        let seal = |bot| secrets.seal(tenant, Of::Bot(number), &to_json(bot));
        let sealed_bot = settings.bot.as_ref().map(seal);
        let key_id = sealed_bot.is_some().then(|| secrets.id());
        let rest = NumberSettings { bot: None, ..settings.clone() };
        Self { settings: to_json(&rest), sealed_bot, key_id }
    }
}

impl Store {
    /// The tenant's numbers, in order; at most 1000.
    pub(crate) async fn number_list(
        &self,
        tenant: TenantId,
        secrets: &SecretBox,
    ) -> Result<Vec<Number>, StoreError> {
        let statement = sql("SELECT number, label, route, settings, sealed_bot, created_at FROM numbers
             WHERE tenant_id = $1 ORDER BY number LIMIT 1000");
        let rows: Vec<Row> = self.all(tenant, statement.bind(tenant.as_uuid())).await?;
        rows.into_iter().map(|row| row.read(tenant, secrets)).collect()
    }

    /// One number.
    pub(crate) async fn number_fetch(
        &self,
        tenant: TenantId,
        number: &str,
        secrets: &SecretBox,
    ) -> Result<Number, StoreError> {
        self.one::<Row>(tenant, select(tenant, number)).await?.read(tenant, secrets)
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
        secrets: &SecretBox,
    ) -> Result<Option<Number>, StoreError> {
        let row = select(tenant, number).optional::<Row>(&mut self.tx).await?;
        row.map(|row| row.read(tenant, secrets)).transpose()
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
        secrets: &SecretBox,
        now: OffsetDateTime,
    ) -> Result<Option<Number>, StoreError> {
        let kept = Kept::of(tenant, new.number, new.settings, secrets);
        let row: Option<Row> = sql("INSERT INTO numbers
                 (tenant_id, number, label, route, settings, sealed_bot, key_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
             RETURNING number, label, route, settings, sealed_bot, created_at")
        .bind(tenant.as_uuid())
        .bind(new.number)
        .bind(new.label)
        .bind(new.route.as_str())
        .bind(kept.settings)
        .bind(kept.sealed_bot.as_deref())
        .bind(kept.key_id)
        .bind(millis(now))
        .optional(&mut self.tx)
        .await?;
        row.map(|row| row.read(tenant, secrets)).transpose()
    }

    /// Changes a number, and gives what it is then.
    pub(crate) async fn number_change(
        &mut self,
        tenant: TenantId,
        number: &str,
        change: &NumberChange,
        secrets: &SecretBox,
    ) -> Result<Number, StoreError> {
        sql("UPDATE numbers SET label = coalesce($3, label), route = coalesce($4, route)
             WHERE tenant_id = $1 AND number = $2")
        .bind(tenant.as_uuid())
        .bind(number)
        .bind(&change.label)
        .bind(change.route.map(Route::as_str))
        .run(&mut self.tx)
        .await?;
        if let Some(settings) = &change.settings {
            self.number_settings_put(tenant, number, settings, secrets).await?;
        }
        let row: Row = select(tenant, number).one(&mut self.tx).await?;
        let is_in_clear = row.sealed_bot.is_none();
        let number = row.read(tenant, secrets)?;
        if is_in_clear && number.has_bot {
            self.number_settings_put(tenant, &number.number, &number.settings, secrets).await?;
        }
        Ok(number)
    }

    /// Seals with the present key the bots that another has sealed, and with `in_clear` those that none has. What no
    /// key opens stays as it is. Gives how many.
    pub(crate) async fn numbers_seal(
        &mut self,
        tenant: TenantId,
        secrets: &SecretBox,
        in_clear: bool,
    ) -> Result<u32, StoreError> {
        let rows: Vec<Row> = sql("SELECT number, label, route, settings, sealed_bot, created_at FROM numbers
             WHERE tenant_id = $1 AND ((sealed_bot IS NOT NULL AND key_id IS DISTINCT FROM $2)
                 OR ($3 AND settings LIKE '%\"bot\":{%'))")
        .bind(tenant.as_uuid())
        .bind(secrets.id())
        .bind(in_clear)
        .all(&mut self.tx)
        .await?;
        let mut changed = 0;
        for row in rows {
            let number = row.read(tenant, secrets)?;
            if number.settings.bot.is_some() {
                self.number_settings_put(tenant, &number.number, &number.settings, secrets).await?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    async fn number_settings_put(
        &mut self,
        tenant: TenantId,
        number: &str,
        settings: &NumberSettings,
        secrets: &SecretBox,
    ) -> Result<(), StoreError> {
        let kept = Kept::of(tenant, number, settings, secrets);
        sql("UPDATE numbers SET settings = $3, sealed_bot = $4, key_id = $5
             WHERE tenant_id = $1 AND number = $2")
        .bind(tenant.as_uuid())
        .bind(number)
        .bind(kept.settings)
        .bind(kept.sealed_bot.as_deref())
        .bind(kept.key_id)
        .run(&mut self.tx)
        .await?;
        Ok(())
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
    sql("SELECT number, label, route, settings, sealed_bot, created_at FROM numbers
         WHERE tenant_id = $1 AND number = $2")
    .bind(tenant.as_uuid())
    .bind(number)
}
