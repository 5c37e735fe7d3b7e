//! The server under load: one of its own, or one that runs already.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use common::AccountSid;
use url::Url;

use super::cpu::time_of;
use super::memory::anonymous;
use super::metrics::Metrics;
use super::server::Server;
use super::{owner, placing};
use crate::api::Console;
use crate::twilio::{Account, CallSpec, Crowd};

/// Which server to load
#[derive(Args, Clone, Debug)]
pub struct Which {
    /// The binary of a server of its own, with fresh data; a release build, or the figures mean nothing
    #[arg(long, default_value = "target/release/partyline", conflicts_with = "url")]
    partyline: PathBuf,
    /// The media threads of a server of its own; one a core if it is left out
    #[arg(long, conflicts_with = "url")]
    threads: Option<NonZeroUsize>,
    /// A server that runs already: control's address, as it is in PARTYLINE_PUBLIC_URL
    #[arg(long, requires_all = ["email", "admin"])]
    url: Option<Url>,
    /// Who signs in to a server that runs already
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_EMAIL")]
    email: Option<String>,
    /// The password
    #[arg(long, env = "PARTYLINE_LOADTEST_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The admin address of its gateway, for the metrics
    #[arg(long)]
    admin: Option<Url>,
    /// The process of its gateway, for CPU and memory. Found by itself when --admin is on this machine
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Its Twilio account
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_TWILIO_ACCOUNT_SID", value_name = "AC...")]
    account_sid: Option<AccountSid>,
    /// The account's auth token, which signs every request
    #[arg(
        long,
        env = "PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    auth_token: Option<String>,
    /// The number that is called: one that control knows
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_TWILIO_NUMBER", default_value = "+15550100")]
    number: String,
}

/// A server, signed in to.
pub(super) struct Site {
    /// Ends with this, when it is its own.
    server: Option<Server>,
    pid: Option<u32>,
    console: Console,
    call: CallSpec,
    admin: Url,
}

impl Which {
    /// What is loaded, for the report.
    pub(super) fn name(&self) -> String {
        self.url.as_ref().map_or_else(|| self.partyline.display().to_string(), Url::to_string)
    }

    /// Starts a server, or signs in to the one that runs.
    pub(super) async fn open(&self) -> Result<Site> {
        let Some(url) = &self.url else {
            let server = Server::start(&self.partyline, self.threads).await?;
            return Ok(Site {
                pid: Some(server.pid()),
                console: server.login().await?,
                call: server.call()?,
                admin: server.admin_url()?,
                server: Some(server),
            });
        };
        let email = self.email.as_deref().context("--email is needed with --url")?;
        let admin = self.admin.clone().context("--admin is needed with --url")?;
        let password = "a password is needed with --url: PARTYLINE_LOADTEST_PASSWORD";
        let password = self.password.as_deref().context(password)?;
        let sid =
            "the account is needed with --url: --account-sid, or PARTYLINE_BOOTSTRAP_TWILIO_ACCOUNT_SID";
        let token = "an auth token is needed with --url: PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN";
        let account = Account {
            sid: self.account_sid.context(sid)?,
            auth_token: self.auth_token.clone().filter(|token| !token.is_empty()).context(token)?,
        };
        let console = Console::login(url, email, password).await.context("signing in")?;
        let call = placing::spec(url, account, &self.number)?;
        let pid = self.pid.or_else(|| owner::of(&admin));
        Ok(Site { server: None, pid, console, call, admin })
    }
}

impl Site {
    /// The server's process, if it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Control, signed in to.
    pub(super) fn console(&self) -> Console {
        self.console.clone()
    }

    /// A call to it, which says nothing yet.
    pub(super) fn call(&self) -> &CallSpec {
        &self.call
    }

    /// CPU time of the server so far, if its process is known.
    pub(super) fn cpu(&self) -> Result<Option<Duration>> {
        Ok(self.pid.map(time_of).transpose()?)
    }

    /// Its anonymous memory in bytes, if its process is known.
    pub(super) fn memory(&self) -> Result<Option<u64>> {
        self.pid.map(anonymous).transpose()
    }

    /// Its metrics now.
    pub(super) async fn metrics(&self) -> Result<Metrics> {
        Metrics::read(&self.admin).await
    }

    /// Places calls that speak, and gives their ids.
    pub(super) async fn place(&self, calls: u32) -> Result<(Crowd, Vec<String>)> {
        self.explain(placing::place(&self.call, &self.console, calls, calls).await)
    }

    /// A failure with what the server has to say, if it is our own.
    pub(super) fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        match &self.server {
            Some(server) => outcome.with_context(|| format!("the server says:\n{}", server.log())),
            None => outcome,
        }
    }
}
