//! Customers of an installation, and what they decide.

use common::TenantId;
use common::token::Mode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Disclosure, ModeWord};

/// A customer of this installation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Its name.
    pub name: String,
}

/// What a tenant's admins decide for it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// Days after which what is kept of a call that is over is deleted, 1 to 3650, counted from its begin.
    /// `null`: never.
    #[schema(minimum = 1, maximum = 3650)]
    pub retention_days: Option<u16>,
    /// What callers of all numbers are told first that have no disclosure of their own. `null`: nothing.
    pub disclosure: Option<Disclosure>,
    /// In which modes people may be heard who are not the call's own agent: of `whisper`, `join` and `takeover`.
    /// `null`: in all of them. Empty: in none.
    #[schema(value_type = Option<Vec<ModeWord>>)]
    pub speaking_modes: Option<Vec<Mode>>,
}

impl TenantSettings {
    /// Whether these can be: what types cannot say.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.retention_days.is_some_and(|days| !(1..=3650).contains(&days)) {
            return Err("retention_days must be between 1 and 3650");
        }
        let modes = self.speaking_modes.as_deref().unwrap_or_default();
        if modes.len() > 3 || modes.contains(&Mode::Listen) {
            return Err("speaking_modes may have whisper, join and takeover, each once");
        }
        self.disclosure.as_ref().map_or(Ok(()), Disclosure::check)
    }

    /// Whether one may be heard this way beside a call.
    pub fn allows(&self, mode: Mode) -> bool {
        mode == Mode::Listen || self.speaking_modes.as_ref().is_none_or(|modes| modes.contains(&mode))
    }
}
