//! Lines that are said to the caller: one after the other, each by the speech provider.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::SayId;
use common::bus::{NodeEvent, SayEnd};
use common::token::Mode;
use gateway_core::call::Role;
use tokio::sync::mpsc;

use super::{Owner, Speaking};
use crate::hub::floor::ANNOUNCER;
use crate::speech::SpeechError;

/// Lines that may wait.
const LINES: usize = 20;

/// The longest line, in characters.
const TEXT: usize = 2000;

/// So much speech may be ready: a provider that is ahead by more waits.
const AHEAD: Duration = Duration::from_secs(10);

/// A line that is to be said.
#[derive(Debug)]
struct Line {
    /// `None`: our own, nobody waits for it.
    say: Option<SayId>,
    text: String,
    language: Option<String>,
    voice: Option<String>,
}

/// What is said and what is to be said.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    waiting: VecDeque<Line>,
    now: Option<Saying>,
}

/// The line that is being said.
#[derive(Debug)]
struct Saying {
    say: Option<SayId>,
    /// `None`: all of it is on the floor, with its mark behind it.
    speech: Option<mpsc::Receiver<Result<Bytes, SpeechError>>>,
}

impl Announcer {
    /// The line's last sample is on its way to Twilio: the next may begin.
    pub(super) fn has_ended(&mut self) {
        self.now = None;
    }
}

impl Speaking {
    /// Takes a line of control's.
    pub(super) fn say(&mut self, say: SayId, text: String, language: Option<String>, voice: Option<String>) {
        let announcer = &mut self.announcer;
        let is_known = announcer.waiting.iter().any(|line| line.say == Some(say))
            || announcer.now.as_ref().is_some_and(|now| now.say == Some(say));
        if is_known {
            return;
        }
        if announcer.waiting.len() >= LINES || text.chars().count() > TEXT {
            return self.said(say, SayEnd::Failed);
        }
        announcer.waiting.push_back(Line { say: Some(say), text, language, voice });
    }

    /// Says something of our own, before what waits.
    pub(super) fn announce(&mut self, text: String) {
        self.announcer.waiting.push_front(Line { say: None, text, language: None, voice: None });
    }

    /// Says one line no more, or none.
    pub(super) fn cancel_say(&mut self, now: Instant, which: Option<SayId>) {
        let is_meant = |say: Option<SayId>| which.is_none() || which == say;
        let waiting = std::mem::take(&mut self.announcer.waiting);
        let (gone, kept) = waiting.into_iter().partition(|line| is_meant(line.say));
        self.announcer.waiting = kept;
        let gone: VecDeque<Line> = gone;
        for say in gone.into_iter().filter_map(|line| line.say) {
            self.said(say, SayEnd::Interrupted);
        }
        if let Some(saying) = self.announcer.now.take_if(|saying| is_meant(saying.say)) {
            // With a mark on the floor its end is told by that.
            self.floor.clear(now, ANNOUNCER);
            if let (Some(say), Some(_)) = (saying.say, saying.speech) {
                self.said(say, SayEnd::Interrupted);
            }
        }
    }

    /// Takes what the provider has made, and begins the next line when there is none.
    pub(super) fn poll_announcer(&mut self, cx: &mut Context<'_>, now: Instant) {
        loop {
            let Some(saying) = &mut self.announcer.now else {
                let Some(line) = self.announcer.waiting.pop_front() else { return };
                let speech =
                    self.shared.speech.say(&line.text, line.language.as_deref(), line.voice.as_deref());
                self.announcer.now = Some(Saying { say: line.say, speech: Some(speech) });
                if self.floor.set_party(now, ANNOUNCER, Role::Announcer, Mode::Join).is_err() {
                    self.fail(now, line.say);
                }
                continue;
            };
            // Looked at again at the next tick, when there is too much.
            if self.floor.queued(ANNOUNCER) > AHEAD {
                return;
            }
            let Some(speech) = &mut saying.speech else { return };
            let say = saying.say;
            match speech.poll_recv(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(ulaw))) => {
                    self.floor.queue(now, ANNOUNCER, &ulaw);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.shared.metrics.speaking.speech_failures.inc();
                    tracing::error!(error = &error as &dyn std::error::Error, "a line cannot be said");
                    self.fail(now, say);
                }
                Poll::Ready(None) => {
                    saying.speech = None;
                    let mark = self.marks.add(Owner::Line(say));
                    if !self.floor.queue_mark(now, ANNOUNCER, mark) {
                        self.marks.take(mark);
                        self.fail(now, say);
                    }
                }
            }
        }
    }

    fn fail(&mut self, now: Instant, say: Option<SayId>) {
        self.announcer.now = None;
        self.floor.clear(now, ANNOUNCER);
        if let Some(say) = say {
            self.said(say, SayEnd::Failed);
        }
    }

    /// Tells what became of a line.
    pub(super) fn said(&self, say: SayId, end: SayEnd) {
        let info = self.live.info();
        self.shared.metrics.speaking.line(end);
        self.publish(NodeEvent::Said {
            tenant: info.tenant,
            call: info.call,
            say,
            end,
            media_ms: self.live.media_ms(),
        });
    }

    /// The stream is over, and so is all that was to be said.
    pub(super) fn end_lines(&mut self) {
        let Announcer { waiting, now } = std::mem::take(&mut self.announcer);
        let now = now.filter(|saying| saying.speech.is_some()).and_then(|saying| saying.say);
        let marked = self.marks.drain().filter_map(|owner| match owner {
            Owner::Line(say) => say,
            Owner::Bot(_) => None,
        });
        for say in marked.chain(now).chain(waiting.into_iter().filter_map(|line| line.say)) {
            self.said(say, SayEnd::CallEnded);
        }
    }
}
