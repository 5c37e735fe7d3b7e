//! Logs of a process: JSON lines for machines, plain lines for a terminal.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The level when `PARTYLINE_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,sqlx=warn,dimpl=error,str0m=warn";

/// Starts logging to standard error. `filter` is the value of `PARTYLINE_LOG`, if there is one.
///
/// To a terminal the lines are for people; elsewhere each is one JSON object.
pub fn start(filter: Option<&str>) -> Result<(), FilterError> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|_| FilterError)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match std::io::stderr().is_terminal() {
        true => lines.compact().with_target(false).try_init(),
        false => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// `PARTYLINE_LOG` was not a list of levels.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a log filter: write a level (`info`) or `target=level`, separated by commas")]
pub struct FilterError;
