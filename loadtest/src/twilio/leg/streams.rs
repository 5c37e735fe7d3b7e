//! The streams of a leg.

use std::time::Duration;

use common::StreamSid;
use tokio::sync::mpsc;

use super::{Leg, Running, send};
use crate::twilio::call::new_sid;
use crate::twilio::report::Problem;
use crate::twilio::stream::{Command, Stream};
use crate::twilio::twiml::{self, Tracks};
use crate::twilio::wire::Ids;

/// Most tracks that may be streamed at a time.
const MAX_TRACKS: usize = 4;

/// Commands that may wait for a stream.
const COMMANDS: usize = 64;

impl Leg {
    /// Sets a stream up in the background. None: it is not allowed, and the problems say why.
    pub(super) fn start(&mut self, plan: twiml::Stream, bidirectional: bool) -> Option<StreamSid> {
        let stream: StreamSid = new_sid(StreamSid::PREFIX);
        let tracks = if plan.tracks == Tracks::Both { 2 } else { 1 };
        let used: usize = self.running.iter().map(|running| running.tracks).sum();
        if used + tracks > MAX_TRACKS {
            self.report
                .problems
                .push(Problem::new(31941, format!("more than {MAX_TRACKS} tracks at a time")));
            return None;
        }
        let ids = Ids { account: self.spec.account.sid, call: self.sid, stream };
        let left = |length: Duration| match (self.report.streams.is_empty(), self.running.is_empty()) {
            (true, true) => length,
            _ => length.saturating_sub(self.answered.map_or(Duration::ZERO, |at| at.elapsed())),
        };
        let task = Stream {
            spec: self.spec.clone(),
            ids,
            plan,
            bidirectional,
            length: self.spec.length.map(left),
            shared: self.shared.clone(),
            courier: self.courier.clone(),
        };
        let name = task.name();
        if self.running.iter().any(|running| running.name == name) {
            let text = format!("a stream called {name:?} is there already");
            self.report.problems.push(Problem::new(12200, text));
            return None;
        }
        let (commands, receiver) = mpsc::channel(COMMANDS);
        self.on_line(|line| line.stream_began(stream, &name));
        self.running.push(Running { sid: stream, name, tracks, commands });
        self.tasks.spawn(task.run(receiver));
        Some(stream)
    }

    pub(super) fn stop_stream(&self, stream: StreamSid) {
        for running in self.running.iter().filter(|running| running.sid == stream) {
            send(&running.commands, Command::Stop);
        }
    }

    /// `<Stop>`: ends the stream of this name.
    pub(super) fn stop(&mut self, name: &str) {
        match self.running.iter().find(|running| running.name == name) {
            Some(running) => send(&running.commands, Command::Stop),
            None => {
                let text = format!("<Stop>: there is no stream called {name:?}");
                self.report.problems.push(Problem::new(12200, text));
            }
        }
    }

    pub(super) fn tell_all(&self, command: Command) {
        for running in &self.running {
            send(&running.commands, command);
        }
    }
}
