//! `partyline call`: places calls from the command line.

mod explain;

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use common::AccountSid;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use url::Url;

use crate::audio::{Audio, ulaw};
use crate::twilio::{Account, CallReport, CallSpec, Crowd, Exchange, Faults, Phase, Stall};
use crate::voices;

/// The paths of control, as in its API.
const VOICE_PATH: &str = "/api/twilio/voice";
const STATUS_PATH: &str = "/api/twilio/status";

/// Most calls of one command.
const MAX_COUNT: u32 = 10_000;

/// Places calls as Twilio would, and says how it went.
#[derive(Args, Clone, Debug)]
pub struct CallArgs {
    /// Where control is, or the whole URL of the voice webhook. It must be the name that control knows
    /// itself by (PARTYLINE_PUBLIC_URL), because Twilio signs the URL.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub to: String,

    /// Where the call's status is reported, if --to is a whole URL that does not end in /voice.
    #[arg(long, value_name = "URL")]
    pub status_url: Option<String>,

    /// The Twilio account.
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_TWILIO_ACCOUNT_SID", value_name = "AC...")]
    pub account_sid: AccountSid,

    /// The account's auth token, which signs every request.
    #[arg(
        long,
        env = "PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub auth_token: Option<String>,

    /// A file with the auth token.
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN_FILE", value_name = "FILE")]
    pub auth_token_file: Option<PathBuf>,

    /// The number that is called: one that control knows.
    #[arg(long, env = "PARTYLINE_BOOTSTRAP_TWILIO_NUMBER", default_value = "+15550100")]
    pub number: String,

    /// Who calls. By default the person whose voice it is.
    #[arg(long)]
    pub from: Option<String>,

    /// What the caller says: a .ulaw or .wav file, tone:450 or silence. By default a conversation.
    #[arg(long, value_name = "AUDIO")]
    pub caller: Option<String>,

    /// What the agent says.
    #[arg(long, value_name = "AUDIO")]
    pub agent: Option<String>,

    /// How long a call lasts. 0: until Ctrl-C.
    #[arg(long, default_value_t = 30.0, value_parser = seconds, value_name = "SECONDS")]
    pub seconds: f64,

    /// How many calls to place.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_COUNT)))]
    pub count: u32,

    /// Seconds between the beginnings of two calls.
    #[arg(long, default_value_t = 1.0, value_parser = seconds, value_name = "SECONDS")]
    pub every: f64,

    /// Break the media connection without a word after this many seconds.
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    pub drop_after: Option<f64>,

    /// Fall silent after this many seconds, with the connection open.
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    pub stall_after: Option<f64>,

    /// Send every nth frame twice.
    #[arg(long, value_name = "N")]
    pub duplicate: Option<NonZeroU32>,

    /// Send every nth frame after the next.
    #[arg(long, value_name = "N")]
    pub reorder: Option<NonZeroU32>,

    /// Write what the caller of the first call hears of the server into this file, as it is played: mu-law at 8 kHz.
    #[arg(long, value_name = "FILE")]
    pub played: Option<PathBuf>,

    /// The same for what the agent of the first call hears.
    #[arg(long, value_name = "FILE")]
    pub agent_played: Option<PathBuf>,

    /// Serve Twilio's REST API of these calls at this address: what PARTYLINE_TWILIO_API_URL of the server names. Without
    /// it calls can only be heard and answered, and not moved, transferred or ended from the console.
    #[arg(long, value_name = "ADDRESS")]
    pub api: Option<SocketAddr>,

    /// Say nothing but errors.
    #[arg(long)]
    pub quiet: bool,

    /// Print a JSON object for each call, one a line, and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Places the calls and prints how they went. An error if any of them went wrong.
pub async fn call(args: CallArgs) -> anyhow::Result<()> {
    let mut plan = Plan::of(&args)?;
    if let Some(addr) = args.api {
        let exchange = Exchange::start_at(addr, vec![plan.account.clone()]).await;
        plan.exchange = Some(exchange.with_context(|| format!("--api {addr}"))?);
    }
    let count = args.count as usize;
    let bar = if args.quiet || args.json { ProgressBar::hidden() } else { progress() };

    let mut crowd = Crowd::default();
    let mut clock = interval(Duration::from_millis(250));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let begun = Instant::now();
    let mut stopped = false;
    let mut played = args.played.as_deref().map(Recording::create).transpose()?;
    let mut agent_played = args.agent_played.as_deref().map(Recording::create).transpose()?;
    loop {
        let placed = crowd.calls().len();
        let next = begun + Duration::from_secs_f64(args.every * placed as f64);
        let open = crowd.calls().iter().filter(|call| call.phase() != Phase::Over).count();
        if open == 0 && (stopped || placed == count) {
            break;
        }
        tokio::select! {
            () = sleep_until(next), if !stopped && placed < count => crowd.add(plan.spec(placed)),
            _ = clock.tick() => {
                if let (Some(recording), Some(call)) = (&mut played, crowd.calls().first()) {
                    recording.go_on(&call.played())?;
                }
                if let (Some(recording), Some(call)) = (&mut agent_played, crowd.calls().first()) {
                    recording.go_on(&call.agent_played())?;
                }
                let live = crowd.calls().iter().filter(|call| matches!(call.phase(), Phase::Live(_))).count();
                let frames: u64 = crowd.calls().iter().map(|call| call.frames_sent()).sum();
                bar.set_message(format!("{placed} of {count} placed, {live} live, {frames} frames sent"));
                bar.tick();
            }
            _ = &mut interrupted, if !stopped => {
                stopped = true;
                crowd.hang_up();
            }
        }
    }
    bar.finish_and_clear();
    let reports = crowd.finished().await;
    print(&args, &reports)?;
    match reports.iter().filter(|report| !report.is_good()).count() {
        0 => Ok(()),
        bad if bad == reports.len() && bad == 1 => bail!("the call went wrong"),
        bad => bail!("{bad} of {} calls went wrong", reports.len()),
    }
}

/// A file with what was played up to now.
struct Recording {
    file: File,
    /// Samples that are in it.
    written: usize,
}

impl Recording {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Self { file, written: 0 })
    }

    fn go_on(&mut self, played: &[i16]) -> anyhow::Result<()> {
        let new = ulaw::encode_all(played.get(self.written..).unwrap_or_default());
        self.written += new.len();
        self.file.write_all(&new).context("what was played cannot be kept")
    }
}

fn progress() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn print(args: &CallArgs, reports: &[CallReport]) -> anyhow::Result<()> {
    if args.json {
        for report in reports {
            println!("{}", serde_json::to_string(report).context("a report has no JSON form")?);
        }
    } else if !args.quiet {
        print!("{}", explain::describe(reports));
    }
    if !args.json {
        for hint in explain::hints(reports) {
            eprintln!("{hint}");
        }
    }
    Ok(())
}

/// The arguments, checked.
struct Plan {
    account: Account,
    voice_url: String,
    status_url: Option<String>,
    number: String,
    from: Option<String>,
    caller: Option<Audio>,
    agent: Option<Audio>,
    length: Option<Duration>,
    faults: Faults,
    exchange: Option<Exchange>,
}

impl Plan {
    fn of(args: &CallArgs) -> anyhow::Result<Self> {
        let auth_token = match (&args.auth_token, &args.auth_token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("the auth token file {}", file.display()))?
                .trim()
                .to_owned(),
            (None, None) => {
                bail!("an auth token is needed: --auth-token, or PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN")
            }
        };
        if auth_token.is_empty() {
            bail!("the auth token is empty");
        }
        let audio = |what: &str, text: &Option<String>| {
            let Some(text) = text else { return Ok(None) };
            Audio::parse(text).map(Some).with_context(|| format!("--{what} {text}"))
        };
        let (voice_url, status_url) = webhooks(&args.to, args.status_url.as_deref())?;
        let stall =
            args.stall_after.map(|after| Stall { after: Duration::from_secs_f64(after), lasting: None });
        Ok(Self {
            account: Account { sid: args.account_sid, auth_token },
            voice_url,
            status_url,
            number: args.number.clone(),
            from: args.from.clone(),
            caller: audio("caller", &args.caller)?,
            agent: audio("agent", &args.agent)?,
            length: (args.seconds > 0.0).then(|| Duration::from_secs_f64(args.seconds)),
            faults: Faults {
                drop_after: args.drop_after.map(Duration::from_secs_f64),
                stall,
                duplicate_every: args.duplicate,
                reorder_every: args.reorder,
                ..Faults::default()
            },
            exchange: None,
        })
    }

    /// Call number `n`.
    fn spec(&self, n: usize) -> CallSpec {
        let conversation = &voices::all()[n % voices::all().len()];
        let (caller, agent) = conversation.audio();
        let caller = self.caller.clone().unwrap_or(caller);
        let agent = self.agent.clone().unwrap_or(agent);
        let from = self.from.clone().unwrap_or_else(|| conversation.number.to_owned());
        let spec = CallSpec::new(self.account.clone(), &self.voice_url);
        CallSpec {
            status_url: self.status_url.clone(),
            caller_name: self.from.is_none().then(|| conversation.caller_name.to_owned()),
            loop_audio: true,
            length: self.length,
            exchange: self.exchange.clone(),
            seed: n as u64,
            ..spec.saying(caller, agent).between(from, &self.number).with_faults(self.faults.clone())
        }
    }
}

/// The voice and the status webhook that `to` means.
fn webhooks(to: &str, status_url: Option<&str>) -> anyhow::Result<(String, Option<String>)> {
    let url = Url::parse(to).with_context(|| format!("--to {to}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        bail!("--to {to}: an http or https URL is needed");
    }
    let base = to.trim_end_matches('/');
    let (voice, status) = match url.path() {
        "/" | "" => (format!("{base}{VOICE_PATH}"), Some(format!("{base}{STATUS_PATH}"))),
        path if path.ends_with("/voice") && url.query().is_none() => {
            (to.to_owned(), to.strip_suffix("voice").map(|front| format!("{front}status")))
        }
        _ => (to.to_owned(), None),
    };
    Ok((voice, status_url.map(str::to_owned).or(status)))
}

/// A number of seconds up to a day.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("a number of seconds from 0 to 86400 is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        call: CallArgs,
    }

    #[test]
    fn the_webhooks_follow_from_the_base_or_are_taken_as_they_are() {
        let status = |url: &str| Some(url.to_owned());
        for (to, voice, expected) in [
            ("http://h:8080", "http://h:8080/api/twilio/voice", status("http://h:8080/api/twilio/status")),
            ("https://h/", "https://h/api/twilio/voice", status("https://h/api/twilio/status")),
            ("https://h/x/voice", "https://h/x/voice", status("https://h/x/status")),
            ("https://h/hook?a=1", "https://h/hook?a=1", None),
        ] {
            assert_eq!(webhooks(to, None).unwrap(), (voice.to_owned(), expected), "{to}");
        }
        let given = webhooks("https://h", Some("https://s/cb")).unwrap();
        assert_eq!(given.1.as_deref(), Some("https://s/cb"));
        for bad in ["h:8080", "ftp://h", "", "/voice"] {
            assert!(webhooks(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (extra, part) in [
            (&["--caller", "tone:9999"][..], "--caller tone:9999"),
            (&["--agent", "/nowhere/x.ulaw"], "--agent /nowhere/x.ulaw"),
            (&["--to", "localhost:8080"], "--to localhost:8080"),
            (&["--auth-token", ""], "auth token is empty"),
        ] {
            let error = Plan::of(&args(extra)).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(part), "{extra:?}: {error}");
        }
    }

    #[test]
    fn calls_differ_unless_told_otherwise() {
        let plan = Plan::of(&args(&["--seconds", "0"])).unwrap();
        let (a, b) = (plan.spec(0), plan.spec(1));
        assert_ne!((&a.caller, &a.from), (&b.caller, &b.from));
        assert_eq!(a.length, None, "until Ctrl-C");

        let plan =
            Plan::of(&args(&["--caller", "tone:450", "--from", "+15550199", "--stall-after", "2"])).unwrap();
        let (a, b) = (plan.spec(0), plan.spec(1));
        assert_eq!((&a.caller, &a.from), (&b.caller, &b.from));
        assert_eq!(a.faults.stall.map(|stall| stall.after), Some(Duration::from_secs(2)));
    }

    fn args(extra: &[&str]) -> CallArgs {
        let sid = "AC0123456789abcdef0123456789abcdef";
        let given: &[&str] = match extra.contains(&"--auth-token") {
            true => &["call", "--account-sid", sid],
            false => &["call", "--account-sid", sid, "--auth-token", "secret"],
        };
        let cli: Cli = clap::Parser::parse_from(given.iter().chain(extra));
        cli.call
    }
}
