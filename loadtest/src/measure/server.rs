//! A `partyline up` of its own for a measurement: fresh data, free ports, ended afterwards.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::AccountSid;
use tempfile::TempDir;
use url::Url;

use super::placing;
use crate::api::Console;
use crate::twilio::{Account, CallSpec, Crowd};

/// How long a server may take to be ready. A debug build on a busy machine takes a few seconds.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often another set of ports is tried when one was taken in between.
const STARTS: usize = 3;

/// How much of its log is shown when it does not start.
const LOG_SHOWN: usize = 2_000;

const EMAIL: &str = "load@partyline.example";
const PASSWORD: &str = "measured-and-found-light";
const NUMBER: &str = "+15550100300";
const DIAL: &str = "+15550100400";
const ACCOUNT_SID: &str = "AC0000000000000000000000000000010a";
const AUTH_TOKEN: &str = "load-auth-token";

/// A running server. Dropping it kills it and removes its data.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    addresses: Addresses,
    // Removed after the child is gone: fields are dropped after `drop`.
    _data: TempDir,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    http: SocketAddr,
    gateway_http: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Starts the binary, with this many media threads if it is not to choose itself, and waits until it is
    /// ready.
    pub(super) async fn start(partyline: &Path, threads: Option<NonZeroUsize>) -> Result<Self> {
        let mut last = None;
        for _ in 0..STARTS {
            let mut server = Self::spawn(partyline, threads)?;
            match server.ready().await {
                Ok(()) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("{} was not started", partyline.display())))
    }

    fn spawn(partyline: &Path, threads: Option<NonZeroUsize>) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let addresses = Addresses::free()?;
        let log = File::create(data.path().join("log"))?;
        let mut command = Command::new(partyline);
        command.arg("up").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PARTYLINE_"))
        {
            command.env_remove(name);
        }
        let addresses_of = [
            ("HTTP_ADDR", addresses.http),
            ("GATEWAY_HTTP_ADDR", addresses.gateway_http),
            ("GATEWAY_UDP_ADDR", SocketAddr::from(([127, 0, 0, 1], 0))),
            ("ADMIN_ADDR", addresses.admin),
        ];
        for (name, address) in addresses_of {
            command.env(format!("PARTYLINE_{name}"), address.to_string());
        }
        if let Some(threads) = threads {
            command.env("PARTYLINE_GATEWAY_THREADS", threads.to_string());
        }
        let child = command
            .env("PARTYLINE_DATA_DIR", data.path().join("data"))
            // Where bots of this machine are reached.
            .env("PARTYLINE_GATEWAY_BOT_HOSTS", "127.0.0.1")
            .env("PARTYLINE_LOG", "warn")
            // One person opens all sessions here.
            .env("PARTYLINE_SESSIONS_PER_MINUTE", "600000")
            .env("PARTYLINE_REQUESTS_PER_MINUTE_ADDRESS", "60000000")
            .env("PARTYLINE_REQUESTS_PER_MINUTE_USER", "60000000")
            .env("PARTYLINE_REQUESTS_PER_MINUTE_TENANT", "60000000")
            // Nobody is there: simulated calls are none of Twilio's.
            .env("PARTYLINE_TWILIO_API_URL", "http://127.0.0.1:9")
            .env("PARTYLINE_BOOTSTRAP_TENANT", "Load")
            .env("PARTYLINE_BOOTSTRAP_EMAIL", EMAIL)
            .env("PARTYLINE_BOOTSTRAP_PASSWORD", PASSWORD)
            .env("PARTYLINE_BOOTSTRAP_TWILIO_ACCOUNT_SID", ACCOUNT_SID)
            .env("PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN", AUTH_TOKEN)
            .env("PARTYLINE_BOOTSTRAP_TWILIO_NUMBER", NUMBER)
            .env("PARTYLINE_BOOTSTRAP_TWILIO_DIAL", DIAL)
            .spawn()
            .with_context(|| format!("cannot start {}", partyline.display()))?;
        Ok(Self { child, addresses, _data: data })
    }

    async fn ready(&mut self) -> Result<()> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        let url = self.admin_url()?.join("/readyz")?;
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", self.log());
            }
            if http.get(url.clone()).send().await.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the server is not ready after {READY_WITHIN:?}:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Signs in.
    pub(super) async fn login(&self) -> Result<Console> {
        Console::login(&self.calls_url()?, EMAIL, PASSWORD).await.context("signing in")
    }

    /// As [`placing::place`], on this server.
    pub(super) async fn place(
        &self,
        console: &Console,
        calls: u32,
        named: u32,
    ) -> Result<(Crowd, Vec<String>)> {
        let placed = placing::place(&self.call()?, console, calls, named).await;
        placed.with_context(|| format!("the server says:\n{}", self.log()))
    }

    /// The end of what it has logged.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read_to_string(self._data.path().join("log")).unwrap_or_default();
        let skip = log.chars().count().saturating_sub(LOG_SHOWN);
        log.chars().skip(skip).collect()
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Control's address.
    pub(super) fn calls_url(&self) -> Result<Url> {
        Ok(Url::parse(&format!("http://{}", self.addresses.http))?)
    }

    /// Where its metrics are.
    pub(super) fn admin_url(&self) -> Result<Url> {
        Ok(Url::parse(&format!("http://{}", self.addresses.admin))?)
    }

    /// A call to the server's number.
    pub(super) fn call(&self) -> Result<CallSpec> {
        let account = Account { sid: ACCOUNT_SID.parse::<AccountSid>()?, auth_token: AUTH_TOKEN.to_owned() };
        placing::spec(&self.calls_url()?, account, NUMBER)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data goes with it, so there is nothing to end in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Addresses {
    /// Ports that were free a moment ago, all different.
    fn free() -> Result<Self> {
        let local = || TcpListener::bind(("127.0.0.1", 0));
        let (http, gateway_http, admin) = (local()?, local()?, local()?);
        Ok(Self {
            http: http.local_addr()?,
            gateway_http: gateway_http.local_addr()?,
            admin: admin.local_addr()?,
        })
    }
}
