//! A bot that speaks Twilio's Media Streams protocol: to it the gateway is Twilio, with `<Connect><Stream>`.

mod stall;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use gateway_core::g711;
use serde_json::{Value, json};

use self::stall::Stall;
use self::wire::Said;
use super::adapter::{Adapter, Bad, End, Out};
use super::{CallFacts, FromBot, ToBot};

/// How long a frame is.
const FRAME: Duration = Duration::from_millis(20);

/// Marks that may wait to be played. One more is ignored, as if it had never come.
const MAX_MARKS: usize = 1024;

/// One such bot.
#[derive(Debug)]
pub(super) struct Stream {
    facts: CallFacts,
    parameters: BTreeMap<String, String>,
    /// Number of the last message.
    sequence: u64,
    /// Frames sent, which is its clock.
    frames: u64,
    /// Marks that were not played yet, oldest first.
    marks: VecDeque<String>,
    /// Paused: when the next frame of silence is due.
    silence: Option<Instant>,
    stall: Option<Stall>,
}

impl Stream {
    /// A bot for this call. `stall` is how long it may say nothing while it should speak.
    pub(super) fn new(
        facts: CallFacts,
        parameters: BTreeMap<String, String>,
        stall: Option<Duration>,
    ) -> Self {
        let (marks, stall) = (VecDeque::new(), stall.map(Stall::new));
        Self { facts, parameters, sequence: 0, frames: 0, marks, silence: None, stall }
    }

    /// A message with what all of them have, but `media`, which comes too often for it.
    fn message(&mut self, event: &str, body: Value) -> String {
        let sequence = self.next().to_string();
        json!({ "event": event, "sequenceNumber": sequence, "streamSid": self.facts.stream, event: body })
            .to_string()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn media(&mut self, ulaw: &[u8; 160], out: &mut Out) {
        let (sequence, timestamp) = (self.next(), self.frames * FRAME.as_millis() as u64);
        self.frames += 1;
        out.sound(wire::media(sequence, self.frames, timestamp, ulaw, self.facts.stream.as_str()));
    }

    fn echo(&mut self, mark: &str, out: &mut Out) {
        let message = self.message("mark", json!({ "name": mark }));
        out.send(message);
    }

    fn echo_all(&mut self, count: usize, out: &mut Out) {
        for mark in self.marks.drain(..count).collect::<Vec<_>>() {
            self.echo(&mark, out);
        }
    }

    fn is_paused(&self) -> bool {
        self.silence.is_some()
    }
}

impl Adapter for Stream {
    fn opened(&mut self, now: Instant, out: &mut Out) {
        out.send(json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }).to_string());
        let CallFacts { call_sid, account_sid, stream, .. } = self.facts;
        let parameters = std::mem::take(&mut self.parameters);
        let start = self.message(
            "start",
            json!({
                "accountSid": account_sid,
                "streamSid": stream,
                "callSid": call_sid,
                "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": parameters,
            }),
        );
        out.send(start);
        out.line.push_back(FromBot::Ready);
        if let Some(stall) = &mut self.stall {
            stall.restart(now);
        }
    }

    fn tell(&mut self, now: Instant, what: ToBot, out: &mut Out) {
        match what {
            ToBot::Audio(ulaw) if !self.is_paused() => {
                if let Some(stall) = &mut self.stall {
                    stall.caller(now, &ulaw);
                }
                self.media(&ulaw, out);
            }
            // It knows its place in line by name alone; what stood before it was played or cleared as well.
            ToBot::Played(mark) => {
                if let Some(at) = self.marks.iter().position(|waiting| *waiting == mark) {
                    self.echo_all(at + 1, out);
                }
            }
            ToBot::Dtmf(digit) if !self.is_paused() => {
                let digit = json!({ "track": "inbound_track", "digit": digit });
                let message = self.message("dtmf", digit);
                out.send(message);
            }
            ToBot::Paused if !self.is_paused() => {
                self.silence = Some(now);
                self.echo_all(self.marks.len(), out);
                if let Some(stall) = &mut self.stall {
                    stall.suspend();
                }
            }
            ToBot::Resumed { .. } => {
                self.silence = None;
                if let Some(stall) = &mut self.stall {
                    stall.restart(now);
                }
            }
            ToBot::Audio(_) | ToBot::Dtmf(_) | ToBot::Paused | ToBot::Stop => {}
        }
    }

    fn receive(&mut self, now: Instant, text: &str, out: &mut Out) -> Result<(), Bad> {
        let said = wire::parse(text, self.facts.stream.as_str())?;
        let paused = self.is_paused();
        if let Some(stall) = self.stall.as_mut().filter(|_| !paused) {
            stall.bot(now, &said);
        }
        match said {
            // What is not heard is played at once, as far as the bot can tell.
            Said::Mark(name) if paused => self.echo(&name, out),
            Said::Media(_) | Said::Clear if paused => {}
            Said::Media(ulaw) => out.line.push_back(FromBot::Audio(ulaw)),
            Said::Mark(_) if self.marks.len() >= MAX_MARKS => return Err(Bad("too many marks wait")),
            Said::Mark(name) => {
                self.marks.push_back(name.clone());
                out.line.push_back(FromBot::Mark(name));
            }
            Said::Clear => out.line.push_back(FromBot::Clear),
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let stalled = self.stall.as_ref().and_then(Stall::due);
        self.silence.into_iter().chain(stalled).min()
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Out) {
        while let Some(due) = self.silence.filter(|due| *due <= now) {
            self.media(&[g711::SILENCE; 160], out);
            // After a long sleep of the machine there is no need to make up for all of it.
            self.silence = Some(if now - due > Duration::from_secs(1) { now } else { due } + FRAME);
        }
        if self.stall.as_ref().and_then(Stall::due).is_some_and(|due| due <= now) {
            out.fail("it has fallen silent");
        }
    }

    fn stop(&mut self, _now: Instant, out: &mut Out) {
        let CallFacts { call_sid, account_sid, .. } = self.facts;
        let message = self.message("stop", json!({ "accountSid": account_sid, "callSid": call_sid }));
        out.send(message);
    }

    /// Twilio goes on with its next instruction when a bot closes the stream; that is how a bot says goodbye.
    fn closed(&self, code: u16, reason: &str) -> End {
        match code {
            1000 | 1001 | 1005 => End::Gone,
            _ if reason.is_empty() => End::Failed(format!("it closed the connection with code {code}")),
            _ => End::Failed(format!("it closed the connection with code {code}: {reason}")),
        }
    }
}
