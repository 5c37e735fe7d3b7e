//! What speaking costs and how late it is heard: from a supervisor's mouth to the caller, and the silence of a bot that was
//! taken over from.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::ears::Ears;
use super::latency::{Latency, Spread};
use super::site::{Site, Which};
use super::{milliseconds, rounded};
use crate::api::Console;
use crate::audio::{self, Audio};
use crate::bot::Bot;
use crate::ears::mouth::Mic;
use crate::ears::whep::Whep;
use crate::ears::{Listener, Options, whole};
use crate::tone::Tone;
use crate::twilio::{Call, CallSpec, dial};

/// The bot's voice, and the supervisor's.
const BOT: Tone = Tone(700);
const MOUTH: Tone = Tone(1600);

/// A mouth says a tone of this length, once a second.
const PULSE: Duration = Duration::from_millis(200);
const PERIOD: Duration = Duration::from_secs(1);

/// Samples that are looked at together, and the amplitude from which a tone is there.
const STEP: usize = 40;
const THERE: f32 = 1500.0;

/// How long a state may take to come about.
const PATIENCE: Duration = Duration::from_secs(15);

/// Speak on a call: how late the caller hears it, how long a bot is heard that was taken over from, what it costs
#[derive(Args, Clone, Debug)]
pub struct Speak {
    #[command(flatten)]
    which: Which,
    /// How often the mouth speaks, once a second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pulses: u32,
    /// How often a bot is taken over from and handed back to
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    takeovers: u32,
    /// Listeners beside whom the mouth speaks once more, and a line is said; 0: none
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=4000))]
    listeners: u32,
    /// Two-way calls, each with one speaking supervisor, whose cost is measured; 0: none
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=500))]
    calls: u32,
    /// Seconds over which it is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    server: String,
    /// A sample at the mouth to the same sample at the caller's ear.
    mouth_to_caller: Spread,
    /// The same beside listeners of the same call.
    beside: Option<Beside>,
    /// The order to take over to the last of the bot's voice at the caller's ear.
    takeover: Spread,
    /// PATCH sent to the first sample of a voice at the caller's ear that was speaking all the time.
    mode_to_audible: Spread,
    calls: u32,
    /// CPU of the server a second of a two-way call with one speaking supervisor.
    cpu_ms_a_call_second: Option<f64>,
}

/// What listeners change.
#[derive(Clone, Debug, Serialize)]
struct Beside {
    listeners: usize,
    mouth_to_caller: Spread,
    /// Whether a line that was said sounded the same to the sample, with them and without.
    same_sound: bool,
}

impl Speak {
    /// Measures all of it, one after the other.
    ///
    /// # Errors
    ///
    /// A server that does not start, or lets nobody speak.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        let pulses = u64::from(self.pulses);
        let beside = u64::from(self.listeners) + if self.listeners > 0 { pulses } else { 0 };
        bar.set_length(pulses + beside + 2 * u64::from(self.takeovers) + self.seconds);
        bar.set_message("server starts");
        let site = self.which.open().await?;
        let number = site.call().to.replace('+', "%2B");
        let number = format!("/api/numbers/{number}");
        let answer_by = json!({ "route": "agent", "settings": { "waiting": { "text": "" } } });
        site.console().send(Method::PATCH, &number, answer_by).await.context("the number's route")?;

        bar.set_message("mouth to caller");
        let (line, call) = place(&site).await?;
        let mouth_to_caller = self.mouth_to_caller(&site, &line, &call, bar).await?;
        let beside = self.beside(&site, &line, &call, bar).await?;
        line.hang_up();
        line.finished().await;
        bar.set_message("mode to audible");
        let mode_to_audible = self.mode_to_audible(&site, bar).await?;
        bar.set_message("cost");
        let cpu_ms_a_call_second = self.cost(&site, bar).await?;
        bar.set_message("takeover");
        let bot = Bot::start(Audio::tone(BOT, 8000)).await?;
        let settings = json!({ "settings": { "bot": { "kind": "stream", "url": bot.url() } } });
        site.console().send(Method::PATCH, &number, settings).await.context("the number's bot")?;
        let takeover = site.explain(self.takeover(&site, bar).await)?;
        Ok(Report {
            server: self.which.name(),
            mouth_to_caller,
            beside,
            takeover,
            mode_to_audible,
            calls: self.calls,
            cpu_ms_a_call_second,
        })
    }

    /// What listeners of a call change of what its caller is sent.
    async fn beside(
        &self,
        site: &Site,
        line: &Call,
        call: &str,
        bar: &ProgressBar,
    ) -> Result<Option<Beside>> {
        if self.listeners == 0 {
            return Ok(None);
        }
        let alone = said(site, line, call).await?;
        bar.set_message("listeners come");
        let mut ears = Ears::new(site.console(), vec![call.to_owned()])?;
        ears.come(self.listeners as usize, 50, bar).await?;
        bar.set_message("mouth to caller, beside listeners");
        let same_sound = said(site, line, call).await? == alone;
        let mouth_to_caller = self.mouth_to_caller(site, line, call, bar).await?;
        Ok(Some(Beside { listeners: ears.count(), mouth_to_caller, same_sound }))
    }

    async fn mouth_to_caller(
        &self,
        site: &Site,
        line: &Call,
        call: &str,
        bar: &ProgressBar,
    ) -> Result<Spread> {
        let begun = line.played().len();
        let person = Person::come(&site.console(), call, "join", pulses()).await?;
        for _ in 0..self.pulses {
            tokio::time::sleep(PERIOD).await;
            bar.inc(1);
        }
        tokio::time::sleep(PERIOD).await;
        let since = person.ear.speaks_since().context("the supervisor never spoke")?;
        let (played, begins) = (line.played().split_off(begun), line.played_since() + time_of(begun));
        let mut latency = Latency::new();
        for onset in onsets(&played, MOUTH) {
            let heard = begins + time_of(onset);
            // The pulse that began last before it was heard.
            let after = heard.saturating_duration_since(since).as_micros() % PERIOD.as_micros();
            latency.record(Duration::from_micros(u64::try_from(after)?));
        }
        let spread = latency.spread();
        ensure!(spread.count > 0, "the caller heard nothing");
        person.ear.leave().await?;
        Ok(spread)
    }

    async fn mode_to_audible(&self, site: &Site, bar: &ProgressBar) -> Result<Spread> {
        let (line, call) = place(site).await?;
        let console = site.console();
        let person = Person::come(&console, &call, "whisper", Audio::tone(MOUTH, 8000)).await?;
        let path = format!("/api/calls/{call}/sessions/{}", person.session);
        let mut latency = Latency::new();
        for _ in 0..self.takeovers {
            let ordered = Instant::now();
            console.send(Method::PATCH, &path, json!({ "mode": "join" })).await?;
            latency.record(heard(&line, MOUTH, ordered, true).await? - ordered);
            console.send(Method::PATCH, &path, json!({ "mode": "whisper" })).await?;
            heard(&line, MOUTH, Instant::now(), false).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            bar.inc(1);
        }
        line.hang_up();
        line.finished().await;
        Ok(latency.spread())
    }

    async fn takeover(&self, site: &Site, bar: &ProgressBar) -> Result<Spread> {
        let (line, call) = place(site).await?;
        let console = site.console();
        let person = Person::come(&console, &call, "listen", Audio::silence()).await?;
        let path = format!("/api/calls/{call}/sessions/{}", person.session);
        let mut latency = Latency::new();
        for _ in 0..self.takeovers {
            heard(&line, BOT, Instant::now(), true).await.context("the bot")?;
            tokio::time::sleep(Duration::from_millis(700)).await;
            let ordered = Instant::now();
            console.send(Method::PATCH, &path, json!({ "mode": "takeover" })).await?;
            let silent = heard(&line, BOT, ordered, false).await?;
            latency.record(silent.saturating_duration_since(ordered));
            console.send(Method::PATCH, &path, json!({ "mode": "listen" })).await?;
            console.send(Method::DELETE, &format!("/api/calls/{call}/pause-ai"), Value::Null).await?;
            bar.inc(1);
        }
        line.hang_up();
        line.finished().await;
        Ok(latency.spread())
    }

    /// Two-way calls: a caller who speaks, and a supervisor who does.
    async fn cost(&self, site: &Site, bar: &ProgressBar) -> Result<Option<f64>> {
        if self.calls == 0 || site.pid().is_none() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        let mut people = Vec::new();
        for _ in 0..self.calls {
            let (line, call) = place(site).await?;
            people.push(Person::come(&site.console(), &call, "join", Audio::tone(MOUTH, 8000)).await?);
            lines.push(line);
        }
        let (before, begun) = (site.cpu()?, Instant::now());
        for _ in 0..self.seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bar.inc(1);
        }
        let (after, took) = (site.cpu()?, begun.elapsed().as_secs_f64());
        for line in lines {
            line.hang_up();
            line.finished().await;
        }
        let used = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(used.map(|used| rounded(milliseconds(used) / took / f64::from(self.calls))))
    }
}

/// Somebody on a call who wants to be heard.
struct Person {
    ear: Listener,
    session: String,
    _mic: Mic,
}

impl Person {
    async fn come(console: &Console, call: &str, mode: &str, says: Audio) -> Result<Self> {
        let session = console.open(call, mode).await?;
        let options = Options { says: Some(says), decode: false, ..Options::default() };
        let ear = whole::join(&Whep::new()?, &session.endpoint, &options).await?;
        ear.connected().await?;
        let mic = Mic::open(&ear.resource().url).await?;
        mic.talk(true);
        Ok(Self { ear, session: session.id, _mic: mic })
    }
}

/// Has a line said, and gives what the caller heard of it, without the silence in it: how late things are is measured
/// otherwise.
async fn said(site: &Site, line: &Call, call: &str) -> Result<Vec<i16>> {
    let before = quiet(line).await?;
    let body = json!({ "text": "Your call is important to us. Please hold the line." });
    site.console().send(Method::POST, &format!("/api/calls/{call}/say"), body).await?;
    let begun = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let played = line.played().split_off(before);
        if played.iter().any(|&sample| is_loud(sample)) && is_quiet(&played) {
            return Ok(played.into_iter().filter(|&sample| sample != 0).collect());
        }
        ensure!(begun.elapsed() < PATIENCE, "the line was not said within {PATIENCE:?}");
    }
}

/// Waits until the caller hears nothing, and gives how much they have heard by then.
async fn quiet(line: &Call) -> Result<usize> {
    let begun = Instant::now();
    loop {
        let played = line.played();
        if is_quiet(&played) {
            return Ok(played.len());
        }
        ensure!(begun.elapsed() < PATIENCE, "the caller heard something for {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whether a second has been silent at the end.
fn is_quiet(played: &[i16]) -> bool {
    let last = played.len().saturating_sub(audio::RATE as usize);
    last > 0 && !played[last..].iter().any(|&sample| is_loud(sample))
}

fn is_loud(sample: i16) -> bool {
    sample.unsigned_abs() > 200
}

/// Places a call on which one can speak, and gives its id.
async fn place(site: &Site) -> Result<(Call, String)> {
    let console = site.console();
    let line = dial(
        CallSpec { loop_audio: true, ..site.call().clone() }
            .saying(Audio::tone(Tone(450), 6000), Audio::silence()),
    );
    let sid = line.call_sid().to_string();
    let begun = Instant::now();
    loop {
        let live = console.live_calls().await?;
        if let Some(call) = live.into_iter().find(|call| call.call_sid == sid) {
            return Ok((line, call.id));
        }
        ensure!(begun.elapsed() < PATIENCE, "the call has no audio after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a tone is heard by the caller, or no longer is, and says from when on.
async fn heard(line: &Call, tone: Tone, from: Instant, there: bool) -> Result<Instant> {
    let begins = line.played_since();
    let at = |moment: Instant| {
        let samples = moment.saturating_duration_since(begins).as_secs_f64() * f64::from(audio::RATE);
        samples as usize
    };
    let begun = Instant::now();
    loop {
        let played = line.played();
        let after = played.get(at(from)..).unwrap_or_default();
        let is_there: Vec<bool> = after.chunks_exact(STEP).map(|step| is_in(step, tone)).collect();
        // For good: a fifth of a second of it, or without it.
        let settled = 8000 / 5 / STEP;
        let found = match there {
            true => is_there.iter().position(|&is| is),
            false => {
                let end = is_there.iter().rposition(|&is| is).map_or(0, |last| last + 1);
                (is_there.len() >= end + settled).then_some(end)
            }
        };
        if let Some(step) = found {
            return Ok(from + time_of(step * STEP));
        }
        let word = if there { "not heard" } else { "heard" };
        ensure!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} {} Hz is still {word}", tone.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a mouth says whose delay is measured.
fn pulses() -> Audio {
    let samples = |time: Duration| (time.as_secs_f64() * f64::from(audio::RATE)) as usize;
    let mut pcm = vec![0; samples(PULSE)];
    MOUTH.add_to(&mut pcm, audio::RATE, 10_000);
    pcm.resize(samples(PERIOD), 0);
    Audio::ulaw(audio::ulaw::encode_all(&pcm))
}

/// Where a tone begins, after at least half a period without it.
fn onsets(pcm: &[i16], tone: Tone) -> Vec<usize> {
    let quiet = (PERIOD.as_secs_f64() / 2.0 * f64::from(audio::RATE)) as usize / STEP;
    let (mut since, mut found) = (0, Vec::new());
    for (n, step) in pcm.chunks_exact(STEP).enumerate() {
        if !is_in(step, tone) {
            since += 1;
            continue;
        }
        if since >= quiet {
            found.push(n * STEP);
        }
        since = 0;
    }
    found
}

fn is_in(pcm: &[i16], tone: Tone) -> bool {
    tone.amplitude_in(pcm, audio::RATE) > THERE
}

fn time_of(sample: usize) -> Duration {
    Duration::from_secs_f64(sample as f64 / f64::from(audio::RATE))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "server             {}", self.server)?;
        writeln!(f, "mouth to caller    {}", self.mouth_to_caller)?;
        if let Some(beside) = &self.beside {
            let sound = if beside.same_sound { "the same to the sample" } else { "ANOTHER SOUND" };
            writeln!(f, "  beside listeners {}", beside.mouth_to_caller)?;
            writeln!(f, "                   {} listeners; a line said is {sound}", beside.listeners)?;
        }
        writeln!(f, "mode to audible    {}", self.mode_to_audible)?;
        writeln!(f, "bot after takeover {}", self.takeover)?;
        match self.cpu_ms_a_call_second {
            Some(ms) => {
                writeln!(f, "two-way call       {ms:.2} ms of CPU a second, over {} calls", self.calls)
            }
            None => writeln!(f, "two-way call       not measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_found_where_it_begins() {
        let says = pulses().render(3 * 8000, true);
        assert_eq!(onsets(&says[4000..], MOUTH), [4000, 12_000]);
        assert_eq!(onsets(&says, BOT), [0; 0]);
    }
}
