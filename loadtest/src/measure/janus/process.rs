//! A Janus of its own, ended afterwards.

use std::fs::File;
use std::net::{IpAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::api::Api;
use super::configuration::Configuration;

/// The program of the Debian package.
const PROGRAM: &str = "janus";

/// How long it may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// How often another port is tried when one was taken in between.
const STARTS: usize = 3;

/// How much of its log is shown when something goes wrong.
const LOG_SHOWN: usize = 2_000;

/// Whether there is a Janus to be run.
pub(in crate::measure) fn is_installed() -> bool {
    version().is_ok()
}

/// A running Janus. Dropping it kills it and removes its configuration.
pub(super) struct Janus {
    child: Child,
    version: String,
    // Removed after the child is gone: fields are dropped after `drop`.
    folder: TempDir,
}

impl Janus {
    /// Starts it, and opens its API.
    pub(super) async fn start(loops: u32, local: IpAddr) -> Result<(Self, Api)> {
        let version = version()?;
        let mut last = None;
        for _ in 0..STARTS {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut janus = Self::spawn(&version, Configuration { loops, local, port })?;
            match janus.ready(port).await {
                Ok(api) => return Ok((janus, api)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("{PROGRAM} was not started")))
    }

    fn spawn(version: &str, configuration: Configuration) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        configuration.write(folder.path())?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(PROGRAM)
            .arg("--configs-folder")
            .arg(folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        Ok(Self { child, version: version.to_owned(), folder })
    }

    async fn ready(&mut self, port: u16) -> Result<Api> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("Janus ended with {status}:\n{}", self.log());
            }
            match Api::open(port).await {
                Ok(api) => return Ok(api),
                Err(error) if started.elapsed() > READY_WITHIN => {
                    bail!("Janus is not ready after {READY_WITHIN:?}: {error}\n{}", self.log());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it calls itself, as "1.1.2".
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The end of what it has logged.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let skip = log.chars().count().saturating_sub(LOG_SHOWN);
        log.chars().skip(skip).collect()
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        // Nothing of it is kept, so there is nothing to end in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks it for its version.
fn version() -> Result<String> {
    let output = Command::new(PROGRAM)
        .arg("--help")
        .output()
        .with_context(|| format!("{PROGRAM} cannot be run: `make janus` installs it"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    version_in(&said).with_context(|| format!("{PROGRAM} says no version:\n{said}"))
}

/// From "Janus version: 1102 (1.1.2)".
fn version_in(said: &str) -> Option<String> {
    let line = said.lines().find_map(|line| line.strip_prefix("Janus version: "))?;
    let (_, rest) = line.split_once('(')?;
    rest.split_once(')').map(|(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_stands_in_parentheses() {
        let said = "Janus version: 1102 (1.1.2)\nJanus commit: not-a-git-repo\n";
        assert_eq!(version_in(said).as_deref(), Some("1.1.2"));
        assert_eq!(version_in("Usage:"), None);
        assert_eq!(version_in("Janus version: 1102"), None);
    }
}
