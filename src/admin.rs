//! `partyline admin`: what an operator does on the machine, with the database and without a server.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use common::{AccountSid, TenantId};
use control::{Admin, Role, Scope, SecretKeys};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::settings::{Raw, Settings};

/// Longest secret that is read, in bytes.
const MAX_SECRET: u64 = 4096;

/// On which installation, and what.
#[derive(Args, Debug)]
pub struct AdminArguments {
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Raw,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Auth tokens of Twilio accounts
    #[command(subcommand)]
    Token(TokenCommand),
    /// The keys in the data directory
    #[command(subcommand)]
    Keys(KeysCommand),
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// Makes a tenant, and prints its id
    Create {
        /// Its name
        #[arg(long)]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Makes a person, and prints their id
    Create {
        /// Whom they work for, `ten_…`
        #[arg(long)]
        tenant: TenantId,
        /// What they sign in with
        #[arg(long)]
        email: String,
        /// Their name
        #[arg(long)]
        name: String,
        /// admin, supervisor, agent or viewer
        #[arg(long)]
        role: Role,
        /// A file with the password; without it, or with -, it is read from standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Puts another password in place of a person's, and signs them out everywhere
    Password {
        /// What they sign in with
        #[arg(long)]
        email: String,
        /// A file with the password; without it, or with -, it is read from standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Makes an API key that acts for a person, and prints it: it is shown here and never again
    Create {
        /// Whom it acts for
        #[arg(long)]
        email: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do, separated by commas: calls:read and so on
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// Until when it is good (RFC 3339); without it, until it is revoked
        #[arg(long, value_parser = moment)]
        expires: Option<OffsetDateTime>,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Puts another auth token in place of an account's
    Rotate {
        /// The account, `AC…`
        #[arg(long)]
        account: AccountSid,
        /// Whose it is, if it is not known yet
        #[arg(long)]
        tenant: Option<TenantId>,
        /// A file with the token; without it, or with -, it is read from standard input
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Makes another key and puts it in place of one in the data directory; stop the servers first
    Rotate {
        /// Which
        key: Key,
    },
    /// Seals secrets in the database with the present key: what an old key has sealed, and what releases of before kept in
    /// clear; when no server of such a release runs any more
    Seal,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Key {
    /// Signs access tokens, tickets and grants: those that are out are then good for nothing
    Signing,
}

/// Does it.
pub async fn admin(arguments: AdminArguments) -> anyhow::Result<()> {
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let settings = Settings::without_planes(raw)?;
    let admin = Admin::open(&settings.database_url).await?;
    let done = run(&admin, arguments.command, &settings).await;
    admin.close().await;
    println!("{}", done?);
    Ok(())
}

/// What to print.
async fn run(admin: &Admin, command: AdminCommand, settings: &Settings) -> anyhow::Result<String> {
    let keys = SecretKeys {
        data_dir: &settings.data_dir,
        key: settings.secrets_key.as_ref(),
        old: &settings.secrets_old_keys,
    };
    Ok(match command {
        AdminCommand::Tenant(TenantCommand::Create { name }) => admin.tenant_create(&name).await?.to_string(),
        AdminCommand::User(UserCommand::Create { tenant, email, name, role, password_file }) => {
            let password = secret("the password", password_file)?;
            admin.user_create(tenant, &email, &name, role, password).await?.to_string()
        }
        AdminCommand::User(UserCommand::Password { email, password_file }) => {
            let password = secret("the new password", password_file)?;
            admin.user_password(&email, password).await?.to_string()
        }
        AdminCommand::Key(KeyCommand::Create { email, name, scope, expires }) => {
            admin.key_create(&email, &name, &scope, expires).await?
        }
        AdminCommand::Keys(KeysCommand::Rotate { key: Key::Signing }) => {
            control::rotate_signing_key(&settings.data_dir)?;
            "tokens are signed with another key, from the next start on".to_owned()
        }
        AdminCommand::Keys(KeysCommand::Seal) => {
            format!("{} secrets were sealed with the present key", admin.secrets_seal(&keys).await?)
        }
        AdminCommand::Token(TokenCommand::Rotate { account, tenant, token_file }) => {
            let token = secret("the auth token", token_file)?;
            let tenant = admin.token_rotate(&keys, account, &token, tenant).await?;
            format!("{account} of {tenant} has another auth token")
        }
    })
}

/// A secret from a file or standard input, never from the arguments, which everybody on the machine can read.
fn secret(what: &str, file: Option<PathBuf>) -> anyhow::Result<String> {
    let mut text = String::new();
    match file.filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            let file = std::fs::File::open(&path);
            let file = file.with_context(|| format!("cannot read {}", path.display()))?;
            file.take(MAX_SECRET + 1).read_to_string(&mut text)?;
        }
        None => {
            let input = std::io::stdin();
            if input.is_terminal() {
                eprintln!("{what}, then Enter and Ctrl-D (it is shown as you type):");
            }
            input.take(MAX_SECRET + 1).read_to_string(&mut text)?;
        }
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || text.len() as u64 > MAX_SECRET {
        bail!("{what} must have 1 to {MAX_SECRET} bytes");
    }
    Ok(secret.to_owned())
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}
