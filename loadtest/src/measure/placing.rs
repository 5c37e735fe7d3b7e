//! Placing calls for a measurement.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use url::Url;

use crate::api::Console;
use crate::audio::Audio;
use crate::twilio::{Account, CallSpec, Crowd};
use crate::voices;

/// Between two calls. Spreads them over the 20 ms of a frame.
const PLACED_EVERY: Duration = Duration::from_micros(9_700);

/// How long control may take to name all calls as live.
const LIVE_WITHIN: Duration = Duration::from_secs(20);

/// A call to `number` over the control plane at `base`, which says nothing yet.
pub(super) fn spec(base: &Url, account: Account, number: &str) -> Result<CallSpec> {
    let (voice, status) = (base.join("/api/twilio/voice")?, base.join("/api/twilio/status")?);
    Ok(CallSpec::new(account, voice).between("+12025550142", number).reporting_to(status))
}

/// Call number `n`, which speaks for as long as it is not hung up, each number to its own conversation.
pub(super) fn speaking(spec: &CallSpec, n: usize) -> CallSpec {
    let conversations = voices::all();
    let (caller, agent) = match n.checked_rem(conversations.len()).and_then(|n| conversations.get(n)) {
        Some(conversation) => conversation.audio(),
        None => (Audio::silence(), Audio::silence()),
    };
    CallSpec { loop_audio: true, seed: n as u64, ..spec.clone().saying(caller, agent) }
}

/// Places calls that speak and waits until control names at least `named` of them as live: gives their ids.
pub(super) async fn place(
    spec: &CallSpec,
    console: &Console,
    calls: u32,
    named: u32,
) -> Result<(Crowd, Vec<String>)> {
    let crowd = Crowd::place(calls as usize, PLACED_EVERY, |n| speaking(spec, n)).await;
    let live = crowd.wait_live().await;
    if live != calls as usize {
        crowd.hang_up();
        let reports = crowd.finished().await;
        let why = reports.iter().flat_map(|report| report.all_problems()).next().map(ToString::to_string);
        anyhow::bail!("{live} of {calls} calls have a stream: {}", why.unwrap_or_default());
    }
    let ours = crowd.calls().iter().map(|call| call.call_sid().to_string()).collect();
    let live = live_of(console, &ours, calls.min(named) as usize).await?;
    Ok((crowd, live))
}

/// Waits until control names at least `named` of these calls, by Twilio's ids, as live, and gives their ids.
pub(super) async fn live_of(console: &Console, calls: &HashSet<String>, named: usize) -> Result<Vec<String>> {
    let began = Instant::now();
    loop {
        let live = console.live_calls().await?.into_iter();
        let live: Vec<_> = live.filter(|call| calls.contains(&call.call_sid)).map(|call| call.id).collect();
        if live.len() >= named {
            return Ok(live);
        }
        ensure!(
            began.elapsed() < LIVE_WITHIN,
            "control names {} live calls, {} are up",
            live.len(),
            calls.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
