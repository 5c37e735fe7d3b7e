//! `partyline audit`: whether the audit logs are what was written.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use common::TenantId;
use control::{Admin, Head};

use crate::settings::{Raw, Settings};

/// What can be done with the audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Goes through the audit logs and names the first bad row of each
    ///
    /// Prints the head of each log that is whole: tenant, number of rows, hash. Keep them where nobody who can write
    /// to the database can write, and give them with --head the next time: then rows that are missing at the end, or
    /// a log that was written anew, are found too.
    Verify(Box<VerifyArguments>),
}

/// Which logs to go through.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    /// Only this tenant's log, `ten_…`
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A file with heads that were printed before
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    #[command(flatten)]
    settings: Raw,
}

/// Does it.
pub async fn audit(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify(arguments) = command;
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let settings = Settings::without_planes(raw)?;
    let kept = match &arguments.head {
        None => Vec::new(),
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let heads = lines.map(|line| line.parse().with_context(|| format!("{shown}: {line}")));
            heads.collect::<anyhow::Result<Vec<Head>>>()?
        }
    };
    let admin = Admin::open(&settings.database_url).await?;
    let verdicts = admin.audit_verify(arguments.tenant, &kept).await;
    admin.close().await;
    let mut faults = 0;
    for verdict in verdicts? {
        match verdict {
            Ok(head) => println!("{head}"),
            Err(fault) => {
                faults += 1;
                eprintln!("partyline: {fault}");
            }
        }
    }
    match faults {
        0 => Ok(()),
        1 => bail!("an audit log is not what was written"),
        many => bail!("{many} audit logs are not what was written"),
    }
}
