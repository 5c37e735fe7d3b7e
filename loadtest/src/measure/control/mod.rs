//! What control carries: webhooks, pages of calls, and live events to many consoles.

mod consoles;
mod report;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use common::CallSid;
use futures_util::future::join_all;
use indicatif::ProgressBar;
use reqwest::StatusCode;

use self::consoles::Consoles;
pub use self::report::Report;
use self::report::{Live, Part};
use super::latency::Latency;
use super::site::{Site, Which};
use crate::http;
use crate::twilio::{CallSpec, sign};

/// How long one exchange may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long the last events may take to reach the last console.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// Load a server's control plane: webhooks, lists, and live events to many consoles
#[derive(Args, Clone, Debug)]
pub struct ControlLoad {
    #[command(flatten)]
    which: Which,
    /// Consoles of one tenant that follow live events
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=8000))]
    consoles: u32,
    /// New calls a second while the consoles look on: each is an event to every console
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    events: u32,
    /// Requests under way at the same time, for webhooks and for lists
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    parallel: u32,
    /// Seconds of each part
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl ControlLoad {
    /// Does the three parts one after the other.
    ///
    /// # Errors
    ///
    /// A server that does not start, does not let us in, or refuses a request.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        bar.set_length(3 * self.seconds + u64::from(self.consoles));
        bar.set_message("server starts");
        let site = self.which.open().await?;
        let twilio = Twilio::new(site.call())?;

        bar.set_message("webhooks");
        let webhooks = self.part(&site, bar, async || twilio.life_of_a_call().await).await?;
        bar.set_message("lists");
        let console = site.console();
        let lists = self
            .part(&site, bar, async || {
                let begun = Instant::now();
                console.page(50).await?;
                Ok(vec![begun.elapsed()])
            })
            .await?;

        bar.set_message("consoles sign in");
        let consoles = Consoles::open(&site.console(), self.consoles, bar).await?;
        bar.set_message("live events");
        let live = self.live(&site, &twilio, &consoles, bar).await?;
        Ok(Report {
            server: self.which.name(),
            seconds: self.seconds,
            parallel: self.parallel,
            webhooks,
            lists,
            live,
        })
    }

    /// Does something again and again, some at a time, and says how long each request took.
    async fn part(
        &self,
        site: &Site,
        bar: &ProgressBar,
        once: impl AsyncFn() -> Result<Vec<Duration>>,
    ) -> Result<Part> {
        let latency = Mutex::new(Latency::new());
        let (begun, cpu) = (Instant::now(), site.cpu()?);
        let until = begun + Duration::from_secs(self.seconds);
        let (start, shown) = (bar.position(), Mutex::new(0));
        let workers = (0..self.parallel).map(async |_| {
            while Instant::now() < until {
                for took in once().await? {
                    lock(&latency).record(took);
                }
                let passed = begun.elapsed().as_secs().min(self.seconds);
                let mut shown = lock(&shown);
                if passed > *shown {
                    *shown = passed;
                    bar.set_position(start + passed);
                }
            }
            anyhow::Ok(())
        });
        join_all(workers).await.into_iter().collect::<Result<()>>()?;
        let lasted = begun.elapsed();
        let latency = lock(&latency).spread();
        bar.set_position(start + self.seconds);
        Ok(Part::new(latency, lasted, site.cpu()?.zip(cpu).map(|(now, then)| now.saturating_sub(then))))
    }

    /// Places calls at a steady pace; each console tells when it has heard of each.
    async fn live(
        &self,
        site: &Site,
        twilio: &Twilio,
        consoles: &Consoles,
        bar: &ProgressBar,
    ) -> Result<Live> {
        let cpu = site.cpu()?;
        let mut pace = tokio::time::interval(Duration::from_secs(1) / self.events);
        let calls = u64::from(self.events) * self.seconds;
        let mut ringing = Vec::new();
        for n in 0..calls {
            pace.tick().await;
            let sid = new_sid();
            consoles.expect(sid);
            ringing.push({
                let twilio = twilio.clone();
                tokio::spawn(async move { twilio.ring(sid).await })
            });
            if n % u64::from(self.events) == 0 {
                bar.inc(1);
            }
        }
        for answered in ringing {
            answered.await??;
        }
        let wanted = calls * u64::from(self.consoles);
        let give_up = Instant::now() + STRAGGLERS;
        while consoles.heard() < wanted && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let cpu = site.cpu()?.zip(cpu).map(|(now, then)| now.saturating_sub(then));
        Ok(Live::new(self.consoles, calls, consoles.latency(), consoles.closed(), cpu))
    }
}

/// Twilio as far as webhooks go: signed requests on connections that are kept.
#[derive(Clone)]
struct Twilio {
    http: reqwest::Client,
    call: Arc<CallSpec>,
}

impl Twilio {
    fn new(call: &CallSpec) -> Result<Self> {
        Ok(Self { http: http::client(ANSWER_WITHIN).build()?, call: Arc::new(call.clone()) })
    }

    /// The webhooks of a call that is answered and ends: how long each took.
    async fn life_of_a_call(&self) -> Result<Vec<Duration>> {
        let sid = new_sid();
        let status = self.call.status_url.clone().context("no status URL")?;
        let mut took = vec![self.ring(sid).await?];
        for (sequence, word) in ["in-progress", "completed"].into_iter().enumerate() {
            let mut form = self.form(sid, word);
            form.push(("SequenceNumber", (sequence + 1).to_string()));
            took.push(self.post(&status, &form).await?);
        }
        Ok(took)
    }

    async fn ring(&self, sid: CallSid) -> Result<Duration> {
        self.post(&self.call.voice_url, &self.form(sid, "ringing")).await
    }

    fn form(&self, sid: CallSid, status: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AccountSid", self.call.account.sid.to_string()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("CallSid", sid.to_string()),
            ("CallStatus", status.to_owned()),
            ("Direction", "inbound".to_owned()),
            ("From", self.call.from.clone()),
            ("To", self.call.to.clone()),
        ]
    }

    async fn post(&self, url: &str, form: &[(&'static str, String)]) -> Result<Duration> {
        let signature = sign(&self.call.account.auth_token, url, form);
        let begun = Instant::now();
        let request = self.http.post(url).header("X-Twilio-Signature", signature).form(form);
        let response = request.send().await.with_context(|| format!("{url} does not answer"))?;
        let status = response.status();
        let body = response.text().await?;
        ensure!(matches!(status, StatusCode::OK | StatusCode::NO_CONTENT), "{url} answered {status}: {body}");
        Ok(begun.elapsed())
    }
}

fn new_sid() -> CallSid {
    format!("CA{}", uuid::Uuid::new_v4().simple()).parse().expect("a UUID is 32 hexadecimal digits")
}

/// What is counted stays whole, whoever panics.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
