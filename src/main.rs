//! The `partyline` command: reads the arguments and starts the planes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use partyline::admin::{AdminArguments, admin};
use partyline::audit::{AuditCommand, audit};
use partyline::demo;
use partyline::node::Node;
use partyline::settings::{Effective, Planes, Raw, Settings, SettingsError, new_signing_key, verifying_key};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hear, and join, a phone call while it is going on.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs both planes in this process, with SQLite: for a laptop, a demo, a small office
    ///
    /// Every setting can also stand in the environment (PARTYLINE_HTTP_ADDR for --http-addr) or in a TOML
    /// file (http_addr = "…").
    Up(Box<UpArguments>),
    /// Runs control alone: as many as needed, with PostgreSQL, and Redis between them and the gateways
    Control(Box<PlaneArguments>),
    /// Runs a gateway alone: as many as needed, with Redis between them and control
    Gateway(Box<PlaneArguments>),
    /// The key that control signs tokens with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Brings a PostgreSQL database up to date, and ends; needs both database URLs
    ///
    /// For those who do not give the owner's URL to the server. Safe beside running servers.
    Migrate(Box<MigrateArguments>),
    /// Says what the settings are in the end, where each comes from, and whether they are good
    CheckConfig(Box<CheckArguments>),
    /// Makes tenants, people and keys, with the database alone: no server need run
    ///
    /// Settings stand in the environment, in a file, or in front of the command: `partyline admin --data-dir /data
    /// tenant create --name Acme`. Secrets are read from standard input or a file.
    Admin(Box<AdminArguments>),
    /// Goes through the audit logs
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Plays Twilio: places a call with two voices on a running Partyline
    Call(Box<loadtest::cli::CallArgs>),
}

#[derive(clap::Args, Debug)]
struct UpArguments {
    /// Sign-in, number and simulated calls of its own, so that there is something to hear at once
    #[arg(long)]
    demo: bool,
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    /// Say whether the settings are good, and end
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    settings: Raw,
}

#[derive(clap::Args, Debug)]
struct PlaneArguments {
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    /// Say whether the settings are good, and end
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    settings: Raw,
}

#[derive(clap::Args, Debug)]
struct CheckArguments {
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Raw,
}

#[derive(clap::Subcommand, Debug)]
enum KeyCommand {
    /// Makes one and prints it, for PARTYLINE_SIGNING_KEY of every control process
    New,
    /// Prints the half that gateways need, for their PARTYLINE_VERIFYING_KEY; run it where control runs
    Show(Box<MigrateArguments>),
}

#[derive(clap::Args, Debug)]
struct MigrateArguments {
    /// A TOML file with settings
    #[arg(long, env = "PARTYLINE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Raw,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = common::telemetry::start(std::env::var("PARTYLINE_LOG").ok().as_deref()) {
        eprintln!("partyline: PARTYLINE_LOG: {error}");
        return ExitCode::from(USAGE);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("partyline: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Up(arguments) => up(*arguments).await,
            Command::Control(arguments) => plane(*arguments, Planes::Control).await,
            Command::Gateway(arguments) => plane(*arguments, Planes::Gateway).await,
            Command::Key(KeyCommand::New) => {
                println!("{}", new_signing_key());
                Ok(())
            }
            Command::Key(KeyCommand::Show(arguments)) => show_key(*arguments),
            Command::Migrate(arguments) => migrate(*arguments).await,
            Command::CheckConfig(arguments) => check_config(*arguments),
            Command::Admin(arguments) => admin(*arguments).await,
            Command::Audit(command) => audit(command).await,
            Command::Call(arguments) => loadtest::cli::call(*arguments).await,
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("partyline: {error:#}");
            match error.is::<SettingsError>() {
                true => ExitCode::from(USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// EX_USAGE of sysexits.h: what was asked makes no sense, and trying again will not help.
const USAGE: u8 = 64;

async fn up(arguments: UpArguments) -> anyhow::Result<()> {
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let mut settings =
        if arguments.demo { demo::settings(raw)? } else { Settings::from_raw(raw, Planes::Both)? };
    if arguments.check_config {
        println!("the settings are good");
        return Ok(());
    }
    let twilio = if arguments.demo { Some(demo::twilio(&mut settings).await?) } else { None };
    let node = Node::new(settings).await?;
    if let Some(twilio) = twilio {
        demo::welcome(&node.addrs);
        tokio::spawn(demo::calls(node.addrs.clone(), twilio));
    } else {
        println!("Partyline is up.");
        println!("  Console   {}", node.addrs.public_url);
        println!("  Metrics   http://{}/metrics", node.addrs.admin);
    }
    node.run(stop_signal()).await;
    Ok(())
}

async fn plane(arguments: PlaneArguments, planes: Planes) -> anyhow::Result<()> {
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let settings = Settings::from_raw(raw, planes)?;
    if arguments.check_config {
        println!("the settings are good");
        return Ok(());
    }
    let node = Node::new(settings).await?;
    match planes {
        Planes::Gateway => println!("A gateway is up: {}", node.addrs.gateway_public_url),
        Planes::Control | Planes::Both => println!("Control is up: {}", node.addrs.public_url),
    }
    println!("  Metrics   http://{}/metrics", node.addrs.admin);
    node.run(stop_signal()).await;
    Ok(())
}

fn show_key(arguments: MigrateArguments) -> anyhow::Result<()> {
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let settings = Settings::without_planes(raw)?;
    let signer = match settings.signing_key {
        Some(signer) => signer,
        None => control::signing_key(&settings.data_dir)?,
    };
    println!("{}", verifying_key(&signer));
    Ok(())
}

fn check_config(arguments: CheckArguments) -> anyhow::Result<()> {
    let CheckArguments { config, settings: flags } = arguments;
    for setting in Effective::all(flags.clone(), std::env::vars(), config.as_deref())? {
        println!("{setting}");
    }
    let raw = Raw::layered(flags, std::env::vars(), config.as_deref())?;
    // Whom they are for is seen by what each plane needs when it is apart.
    let planes = match (&raw.redis_url, &raw.verifying_key) {
        (None, _) => Planes::Both,
        (Some(_), None) => Planes::Control,
        (Some(_), Some(_)) => Planes::Gateway,
    };
    Settings::from_raw(raw, planes)?;
    Ok(())
}

async fn migrate(arguments: MigrateArguments) -> anyhow::Result<()> {
    let raw = Raw::layered(arguments.settings, std::env::vars(), arguments.config.as_deref())?;
    let settings = Settings::without_planes(raw)?;
    let Some(owner) = settings.database_owner_url else {
        return Err(SettingsError::Bad {
            key: "database_owner_url",
            why: "is needed: the tables are changed by the role that owns them".to_owned(),
        }
        .into());
    };
    control::migrate(&settings.database_url, &owner).await?;
    println!("the database is up to date");
    Ok(())
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
    tracing::info!("stopping");
}
