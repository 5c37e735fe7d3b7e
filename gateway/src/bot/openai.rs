//! OpenAI's Realtime API over a WebSocket: mu-law on both ways, the server finds the turns.
//!
//! Sound comes faster than real time, so the server does not know what was heard. Each fifth of a second has a mark
//! behind it; when the caller speaks in, what was not played is cut off, also from what the model remembers.

mod event;
mod speech;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use base64_simd::STANDARD;
use common::bus::Speaker;
use serde_json::{Value, json};

use self::event::{Event, Fault};
use self::speech::Spoken;
use super::adapter::{Adapter, Bad, End, Out};
use super::{BotConfig, FromBot, HEARD, ToBot, shortened};

/// Most characters of what it is to be, of its greeting, and of what was said meanwhile.
const MAX_TEXT: usize = 16_000;

/// Keys that follow one another as fast as this are one number.
const KEYS: Duration = Duration::from_millis(1500);

/// Most keys of one number.
const MAX_KEYS: usize = 32;

/// Before a failed answer is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The name of our first request: without it there is no session worth having.
const SETUP: &str = "setup";

/// Room for a frame of 20 ms.
const APPEND_BYTES: usize = 280;

/// One such bot.
#[derive(Debug)]
pub(super) struct OpenAi {
    model: String,
    instructions: String,
    voice: Option<String>,
    greeting: Option<String>,
    state: State,
    begin_timeout: Duration,
    spoken: Spoken,
    paused: bool,
    /// The response that is being made.
    response: Option<String>,
    /// The response whose further sound nobody wants.
    unwanted: Option<String>,
    /// Failed responses in a row.
    failures: u32,
    /// When one is asked for again.
    again: Option<Instant>,
    /// Until when there must be sound, or an end of the response.
    answer: Option<Instant>,
    answer_timeout: Duration,
    /// Keys of the caller's, and when they are told.
    keys: String,
    keys_due: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Not connected yet.
    Connecting,
    /// Connected, and not as wanted yet: until then.
    Beginning(Instant),
    /// It hears the call.
    Ready,
}

impl OpenAi {
    /// A bot that is to be like this.
    pub(super) fn new(
        model: String,
        instructions: String,
        voice: Option<String>,
        greeting: Option<String>,
        config: &BotConfig,
    ) -> Self {
        Self {
            model,
            instructions,
            voice,
            greeting,
            state: State::Connecting,
            begin_timeout: config.connect_timeout,
            spoken: Spoken::default(),
            paused: false,
            response: None,
            unwanted: None,
            failures: 0,
            again: None,
            answer: None,
            answer_timeout: config.answer_timeout,
            keys: String::new(),
            keys_due: None,
        }
    }

    /// The session as a telephone needs it.
    fn setup(&self) -> Value {
        let mut output = json!({ "format": { "type": "audio/pcmu" } });
        if let Some(voice) = &self.voice {
            output["voice"] = json!(voice);
        }
        json!({
            "type": "session.update",
            "event_id": SETUP,
            "session": {
                "type": "realtime",
                "model": self.model,
                "output_modalities": ["audio"],
                "instructions": shortened(&self.instructions, MAX_TEXT),
                "audio": {
                    "input": {
                        "format": { "type": "audio/pcmu" },
                        "transcription": { "model": "gpt-4o-mini-transcribe" },
                        "turn_detection": {
                            "type": "server_vad",
                            "threshold": 0.5,
                            "prefix_padding_ms": 300,
                            "silence_duration_ms": 500,
                            "create_response": true,
                            "interrupt_response": true,
                        },
                    },
                    "output": output,
                },
            },
        })
    }

    fn ready(&mut self, now: Instant, out: &mut Out) {
        self.state = State::Ready;
        out.line.push_back(FromBot::Ready);
        // Who was put aside before the first word has nobody to greet.
        if let Some(greeting) = self.greeting.take().filter(|_| !self.paused) {
            let greeting = shortened(&greeting, MAX_TEXT);
            let instructions = format!("Say to the caller these words and no others: {greeting}");
            let response = json!({ "type": "response.create", "response": { "instructions": instructions } });
            out.send(response.to_string());
            self.expect_answer(now);
        }
    }

    fn ask(&mut self, now: Instant, out: &mut Out) {
        out.send(json!({ "type": "response.create" }).to_string());
        self.expect_answer(now);
    }

    fn expect_answer(&mut self, now: Instant) {
        if !self.paused {
            self.answer = Some(now + self.answer_timeout);
        }
    }

    /// Tells the model something that nobody said.
    fn note(text: &str, out: &mut Out) {
        let content = json!([{ "type": "input_text", "text": shortened(text, MAX_TEXT) }]);
        let item = json!({ "type": "message", "role": "system", "content": content });
        out.send(json!({ "type": "conversation.item.create", "item": item }).to_string());
    }

    /// Nobody shall hear what was not played yet; the model forgets it as well. Tells whether there was any.
    fn cut(&mut self, out: &mut Out) -> bool {
        if let Some(response) = self.response.take() {
            self.unwanted = Some(response);
        }
        (self.answer, self.again) = (None, None);
        let mut is_cut = false;
        for cut in self.spoken.cut() {
            heard(Speaker::Bot, &cut.text, out);
            if cut.is_whole {
                continue;
            }
            let truncate = json!({
                "type": "conversation.item.truncate",
                "item_id": cut.item,
                "content_index": cut.content_index,
                "audio_end_ms": cut.heard_ms,
            });
            out.send(truncate.to_string());
            is_cut = true;
        }
        is_cut
    }

    /// The caller speaks into it. First of all the sound must stop.
    fn interrupted(&mut self, out: &mut Out) {
        let place = out.line.len();
        if self.cut(out) {
            out.line.insert(place, FromBot::Clear);
        }
    }

    fn pause(&mut self, out: &mut Out) {
        let speaking = self.response.is_some();
        self.cut(out);
        if speaking {
            out.send(json!({ "type": "response.cancel" }).to_string());
        }
        // Half a sentence of the caller's is no turn.
        out.send(json!({ "type": "input_audio_buffer.clear" }).to_string());
        self.paused = true;
        self.keys.clear();
        self.keys_due = None;
    }

    fn failed(&mut self, now: Instant, fault: &Fault, out: &mut Out) {
        self.failures += 1;
        if self.failures > 1 || fault.is_final() {
            return out.fail(format!("OpenAI makes no answer: {fault}"));
        }
        tracing::warn!(%fault, "OpenAI made no answer, and is asked again");
        self.again = (!self.paused).then(|| now + AGAIN);
    }
}

impl Adapter for OpenAi {
    fn opened(&mut self, now: Instant, _out: &mut Out) {
        self.state = State::Beginning(now + self.begin_timeout);
    }

    fn tell(&mut self, now: Instant, what: ToBot, out: &mut Out) {
        match what {
            ToBot::Audio(ulaw) if self.state == State::Ready && !self.paused => {
                let mut text = String::with_capacity(APPEND_BYTES);
                text.push_str(r#"{"type":"input_audio_buffer.append","audio":""#);
                STANDARD.encode_append(ulaw, &mut text);
                text.push_str("\"}");
                out.sound(text);
            }
            ToBot::Played(mark) => {
                for text in self.spoken.played(&mark) {
                    heard(Speaker::Bot, &text, out);
                }
            }
            ToBot::Dtmf(digit) if !self.paused && self.keys.len() < MAX_KEYS => {
                self.keys.push(digit);
                self.keys_due = Some(now + KEYS);
            }
            ToBot::Paused if !self.paused => self.pause(out),
            ToBot::Resumed { recap } if self.paused => {
                self.paused = false;
                if let Some(recap) = recap.filter(|recap| !recap.trim().is_empty()) {
                    let told = "Meanwhile a person has spoken with the caller in your place. This was said:";
                    Self::note(&format!("{told}\n{recap}"), out);
                }
            }
            ToBot::Audio(_) | ToBot::Dtmf(_) | ToBot::Paused | ToBot::Resumed { .. } | ToBot::Stop => {}
        }
    }

    fn receive(&mut self, now: Instant, text: &str, out: &mut Out) -> Result<(), Bad> {
        match Event::parse(text)? {
            Event::SessionCreated if matches!(self.state, State::Beginning(_)) => {
                out.send(self.setup().to_string());
            }
            Event::SessionUpdated if matches!(self.state, State::Beginning(_)) => self.ready(now, out),
            Event::SpeechStarted if !self.paused => self.interrupted(out),
            Event::Committed => self.expect_answer(now),
            Event::ResponseCreated { id } => {
                if self.paused {
                    out.send(json!({ "type": "response.cancel", "response_id": id }).to_string());
                    self.unwanted = Some(id);
                } else {
                    self.response = Some(id);
                    self.expect_answer(now);
                }
            }
            Event::Sound { response, .. } | Event::Words { response, .. }
                if self.paused || self.unwanted.as_deref() == Some(&response) => {}
            Event::Sound { item, content_index, audio, .. } => {
                let ulaw =
                    STANDARD.decode_to_vec(audio.as_bytes()).map_err(|_| Bad("its sound is not base64"))?;
                (self.answer, self.failures) = (None, 0);
                let Some(pieces) = self.spoken.sound(&item, content_index, ulaw.into()) else {
                    return Err(Bad("too much sound waits"));
                };
                for (sound, mark) in pieces {
                    out.line.extend([FromBot::Audio(sound), FromBot::Mark(mark)]);
                }
            }
            Event::Words { item, text, whole, .. } => {
                for text in self.spoken.words(&item, &text, whole) {
                    heard(Speaker::Bot, &text, out);
                }
            }
            Event::CallerSaid { text } => heard(Speaker::Caller, &text, out),
            Event::SoundDone { item } => {
                for text in self.spoken.done(&item) {
                    heard(Speaker::Bot, &text, out);
                }
            }
            Event::ResponseDone { id, failed } => {
                self.answer = None;
                self.response.take_if(|response| *response == id);
                match failed {
                    Some(fault) if self.unwanted.as_ref() != Some(&id) => self.failed(now, &fault, out),
                    _ => {}
                }
                self.unwanted.take_if(|unwanted| *unwanted == id);
                for text in self.spoken.all_there() {
                    heard(Speaker::Bot, &text, out);
                }
            }
            Event::Error { fault, about } => {
                if about.as_deref() == Some(SETUP) || fault.is_final() {
                    out.fail(format!("OpenAI refuses: {fault}"));
                } else {
                    // Mostly a cancellation that came too late, or a cut a few milliseconds too long.
                    tracing::debug!(%fault, "OpenAI reports an error");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let beginning = match self.state {
            State::Beginning(until) => Some(until),
            State::Connecting | State::Ready => None,
        };
        [beginning, self.answer, self.again, self.keys_due].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut Out) {
        if matches!(self.state, State::Beginning(until) if until <= now) {
            return out.fail("OpenAI does not begin the session");
        }
        if self.answer.is_some_and(|until| until <= now) {
            return out.fail("OpenAI makes no answer in time");
        }
        if self.again.take_if(|due| *due <= now).is_some() {
            self.ask(now, out);
        }
        if self.keys_due.take_if(|due| *due <= now).is_some() {
            let keys = std::mem::take(&mut self.keys);
            Self::note(&format!("The caller has pressed on the telephone's keypad: {keys}"), out);
            if self.response.is_none() {
                self.ask(now, out);
            }
        }
    }

    fn stop(&mut self, _now: Instant, _out: &mut Out) {}

    /// It never says goodbye by itself: a session that ends takes the bot out of the call.
    fn closed(&self, code: u16, reason: &str) -> End {
        match reason {
            "" => End::Failed(format!("OpenAI ended the session with code {code}")),
            _ => End::Failed(format!("OpenAI ended the session with code {code}: {reason}")),
        }
    }
}

/// Tells what somebody said, if it was anything.
fn heard(speaker: Speaker, text: &str, out: &mut Out) {
    let text = text.trim();
    if !text.is_empty() {
        let text = shortened(text, HEARD).to_owned();
        out.line.push_back(FromBot::Heard { speaker, text });
    }
}
