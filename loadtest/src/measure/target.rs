//! The server that is measured, signed in to.

use anyhow::{Context, Result, bail};
use clap::Args;
use url::Url;

use crate::api::Console;
use crate::ears::whep::Endpoint;

/// Where the server is and who asks.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// Control's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub calls_url: Url,
    /// Who signs in
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_EMAIL")]
    pub email: String,
    /// The password
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// The call to listen to. Without, all live calls in turn
    #[arg(long)]
    pub call: Option<String>,
}

/// Gives the right to listen, to one live call after another.
#[derive(Clone, Debug)]
pub(super) struct Grants {
    console: Console,
    calls: Vec<String>,
}

impl Target {
    /// Signs in and looks which calls there are.
    pub(super) async fn grants(&self) -> Result<Grants> {
        let console = Console::login(&self.calls_url, &self.email, &self.password).await?;
        let calls = match &self.call {
            Some(call) => vec![call.clone()],
            None => console.live_calls().await?.into_iter().map(|call| call.id).collect(),
        };
        if calls.is_empty() {
            bail!("no call is live on {}: place one with `partyline call`", self.calls_url);
        }
        Ok(Grants { console, calls })
    }
}

impl Grants {
    pub(super) fn of(console: Console, calls: Vec<String>) -> Self {
        Self { console, calls }
    }

    /// How many calls are listened to.
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// A session for listener number `n`.
    pub(super) async fn grant(&self, n: usize) -> Result<Endpoint> {
        let call = n.checked_rem(self.calls.len()).and_then(|n| self.calls.get(n)).context("no call")?;
        Ok(self.console.listen(call).await?.endpoint)
    }
}
