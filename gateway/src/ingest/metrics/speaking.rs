//! What is counted of what is spoken.

use common::bus::SayEnd;
use gateway_core::call::FloorCounts;
use gateway_core::frame::PHONE_RATE;
use prometheus::{Counter, IntCounter, IntCounterVec, Opts, Registry};

/// Handles to the metrics of speaking.
#[derive(Debug)]
pub(in crate::ingest) struct Speaking {
    /// 20 ms each that went to a caller.
    pub(in crate::ingest) frames: IntCounter,
    /// 20 ms each that did not: Twilio's socket took nothing, or had too much.
    pub(in crate::ingest) frames_dropped: IntCounter,
    /// 20 ms each that a bot had no time for.
    pub(in crate::ingest) bot_dropped: IntCounter,
    /// Audio of bots beyond what is kept for later.
    pub(in crate::ingest) bot_refused_bytes: IntCounter,
    /// Bots that could not be reached, died or fell silent.
    pub(in crate::ingest) bot_failures: IntCounter,
    /// Lines of which no speech could be made.
    pub(in crate::ingest) speech_failures: IntCounter,
    lines: IntCounterVec,
    microphones: IntCounterVec,
    concealed: Counter,
    skipped_ticks: IntCounter,
}

impl Speaking {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let caller = counters(
            "partyline_caller_frames_total",
            "20 ms each that were to be played to callers, by what became of them",
            &["result"],
        )?;
        let this = Self {
            frames: caller.with_label_values(&["sent"]),
            frames_dropped: caller.with_label_values(&["dropped"]),
            bot_dropped: counter(
                "partyline_bot_frames_dropped_total",
                "20 ms each that a bot had no time to hear",
            )?,
            bot_refused_bytes: counter(
                "partyline_bot_audio_refused_bytes_total",
                "Audio of bots beyond what is kept for later",
            )?,
            bot_failures: counter(
                "partyline_bot_failures_total",
                "Bots that could not be reached, died or fell silent",
            )?,
            speech_failures: counter(
                "partyline_speech_failures_total",
                "Lines of which no provider made speech",
            )?,
            lines: counters(
                "partyline_lines_said_total",
                "Lines that were to be said, by what became of them",
                &["result"],
            )?,
            microphones: counters(
                "partyline_mic_packets_total",
                "Packets of microphones, by what the jitter buffer made of them",
                &["result"],
            )?,
            concealed: Counter::new(
                "partyline_mic_concealed_seconds_total",
                "Speech of microphones that was lost and made up",
            )?,
            skipped_ticks: counter(
                "partyline_floor_ticks_skipped_total",
                "20 ms each that were not mixed, because a media thread was too late for them",
            )?,
        };
        registry.register(Box::new(this.concealed.clone()))?;
        this.floor(FloorCounts::default());
        for end in [SayEnd::Spoken, SayEnd::Interrupted, SayEnd::Failed, SayEnd::CallEnded] {
            this.lines.with_label_values(&[word(end)]);
        }
        Ok(this)
    }

    /// A line is over.
    pub(in crate::ingest) fn line(&self, end: SayEnd) {
        self.lines.with_label_values(&[word(end)]).inc();
    }

    /// What a floor has counted.
    pub(in crate::ingest) fn floor(&self, counts: FloorCounts) {
        let mic = counts.microphones;
        for (result, count) in [
            ("decoded", mic.decoded),
            ("recovered", mic.recovered),
            ("duplicate", mic.duplicate),
            ("reordered", mic.reordered),
            ("late", mic.late),
            ("overrun", mic.overrun),
            ("bad", mic.malformed + mic.undecodable + mic.strays),
        ] {
            self.microphones.with_label_values(&[result]).inc_by(count);
        }
        self.concealed.inc_by(mic.concealed_samples as f64 / f64::from(PHONE_RATE));
        self.skipped_ticks.inc_by(counts.skipped_ticks);
    }
}

fn word(end: SayEnd) -> &'static str {
    match end {
        SayEnd::Spoken => "spoken",
        SayEnd::Interrupted => "interrupted",
        SayEnd::Failed => "failed",
        SayEnd::CallEnded | SayEnd::Unknown => "call_ended",
    }
}
