//! What ingest counts. Series exist from the start, with 0; no call or tenant is in a label.

mod speaking;

use std::time::{Duration, Instant};

use gateway_core::frame::Track;
use gateway_core::{call, twilio};
use prometheus::local::LocalHistogram;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use self::speaking::Speaking;
use super::admission::Reject;
use super::close::Closed;

/// How often a stream adds its counts to the metrics.
const FLUSH: Duration = Duration::from_secs(1);

/// Close codes that have a series of their own. All others are `other`.
const CODES: [u16; 11] = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 4001];

/// Samples in 20 ms: what a frame is, when length is counted in frames.
const FRAME_SAMPLES: u64 = 160;

/// Handles to ingest's metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    /// Calls with an open media stream that was let in.
    pub(super) calls: IntGauge,
    /// Legs of our own beside calls, that carry audio.
    pub(super) sides: IntGauge,
    /// Sockets open, let in or not yet.
    pub(super) connections: IntGauge,
    /// Calls that are being encoded.
    pub(super) encoders: IntGauge,
    /// Encoders that could not be made.
    pub(super) encoder_failures: IntCounter,
    /// Streams that ended without one frame.
    zero_packet: IntCounter,
    /// Streams that announced two voices and brought one.
    one_way: IntCounter,
    /// Tasks that a fault of ours ended.
    pub(super) panics: IntCounter,
    sequence_gaps: IntCounter,
    closed: IntCounterVec,
    rejected: IntCounterVec,
    messages: Messages,
    frames: Frames,
    interarrival: Histogram,
    gap: Histogram,
    pub(super) speaking: Speaking,
}

/// `partyline_twilio_messages_total`, by event.
#[derive(Debug)]
struct Messages {
    connected: IntCounter,
    start: IntCounter,
    media: IntCounter,
    dtmf: IntCounter,
    mark: IntCounter,
    stop: IntCounter,
    unknown: IntCounter,
    misplaced: IntCounter,
    bad: IntCounter,
}

/// `partyline_frames_total`, by source.
#[derive(Debug)]
struct Frames {
    received: IntCounter,
    concealed: IntCounter,
    late: IntCounter,
    duplicate: IntCounter,
    reordered: IntCounter,
    overrun: IntCounter,
    dropped: IntCounter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone())).map(|()| histogram)
        };

        let messages = counters(
            "partyline_twilio_messages_total",
            "Messages on Twilio's sockets, by what they were",
            &["event"],
        )?;
        let frames = counters(
            "partyline_frames_total",
            "Frames of calls, by what became of them; concealed ones in units of 20 ms",
            &["source"],
        )?;
        let metrics = Self {
            speaking: Speaking::register(registry)?,
            calls: gauge("partyline_calls_active", "Calls whose media stream is open")?,
            sides: gauge(
                "partyline_conference_legs_active",
                "Legs of the gateway's own in calls' conferences, that carry audio",
            )?,
            connections: gauge("partyline_twilio_ws_connections", "WebSockets of Twilio that are open")?,
            encoders: gauge("partyline_encoders_active", "Calls that are being encoded")?,
            encoder_failures: counter(
                "partyline_encoder_failures_total",
                "Encoders that could not be made, and frames that one refused",
            )?,
            zero_packet: counter(
                "partyline_zero_packet_streams_total",
                "Media streams that ended without one frame",
            )?,
            one_way: counter(
                "partyline_one_way_calls_total",
                "Media streams that announced two voices and brought only one",
            )?,
            panics: counter(
                "partyline_twilio_stream_panics_total",
                "Media streams that a fault of the gateway ended",
            )?,
            sequence_gaps: counter(
                "partyline_twilio_sequence_gaps_total",
                "Holes in the numbers of Twilio's messages",
            )?,
            closed: counters(
                "partyline_twilio_ws_closed_total",
                "WebSockets of Twilio that closed, by code and by who closed them",
                &["code", "initiator"],
            )?,
            rejected: counters(
                "partyline_twilio_rejected_total",
                "Media streams that were not let in",
                &["reason"],
            )?,
            messages: Messages {
                connected: messages.with_label_values(&["connected"]),
                start: messages.with_label_values(&["start"]),
                media: messages.with_label_values(&["media"]),
                dtmf: messages.with_label_values(&["dtmf"]),
                mark: messages.with_label_values(&["mark"]),
                stop: messages.with_label_values(&["stop"]),
                unknown: messages.with_label_values(&["unknown"]),
                misplaced: messages.with_label_values(&["misplaced"]),
                bad: messages.with_label_values(&["bad"]),
            },
            frames: Frames {
                received: frames.with_label_values(&["received"]),
                concealed: frames.with_label_values(&["concealed"]),
                late: frames.with_label_values(&["late"]),
                duplicate: frames.with_label_values(&["duplicate"]),
                reordered: frames.with_label_values(&["reordered"]),
                overrun: frames.with_label_values(&["dropped_overrun"]),
                dropped: frames.with_label_values(&["dropped_stray"]),
            },
            interarrival: histogram(
                "partyline_twilio_frame_interarrival_seconds",
                "From one frame of a voice to its next, as they arrive",
                &[0.01, 0.015, 0.018, 0.02, 0.022, 0.025, 0.03, 0.05, 0.1, 0.5, 1.0],
            )?,
            gap: histogram(
                "partyline_audio_gap_seconds",
                "Holes in a voice that had to be filled",
                &[0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0],
            )?,
        };
        for reason in Reject::ALL {
            metrics.rejected.with_label_values(&[reason.as_str()]);
        }
        for code in CODES.map(|code| code.to_string()).iter().map(String::as_str).chain(["other"]) {
            for initiator in ["gateway", "peer"] {
                metrics.closed.with_label_values(&[code, initiator]);
            }
        }
        Ok(metrics)
    }

    /// Counts a stream that was not let in.
    pub(super) fn rejected(&self, reason: Reject) {
        self.rejected.with_label_values(&[reason.as_str()]).inc();
    }

    /// Counts a socket that closed.
    pub(super) fn closed(&self, closed: Closed) {
        let (code, initiator) = match closed {
            Closed::ByUs { code, .. } => (code, "gateway"),
            Closed::ByPeer { code } => (code, "peer"),
        };
        let code = CODES.contains(&code).then(|| code.to_string());
        self.closed.with_label_values(&[code.as_deref().unwrap_or("other"), initiator]).inc();
    }

    fn add_messages(&self, counts: &twilio::Counts) {
        let messages = &self.messages;
        for (counter, count) in [
            (&messages.connected, counts.connected),
            (&messages.start, counts.start),
            (&messages.media, counts.media),
            (&messages.dtmf, counts.dtmf),
            (&messages.mark, counts.mark),
            (&messages.stop, counts.stop),
            (&messages.unknown, counts.unknown),
            (&messages.misplaced, counts.misplaced),
            (&messages.bad, counts.bad),
            (&self.sequence_gaps, counts.sequence_gaps),
        ] {
            counter.inc_by(count.into());
        }
    }
}

/// What one stream has counted and not yet added to the metrics: shared counters are touched once a
/// second, not at every frame.
#[derive(Debug)]
pub(super) struct Tally {
    flushed: Instant,
    /// When the last frame of each voice came.
    last: [Option<Instant>; 2],
    interarrival: LocalHistogram,
    /// Samples concealed that do not fill a frame yet.
    concealed: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub(super) fn new(metrics: &Metrics, now: Instant) -> Self {
        Self { flushed: now, last: [None; 2], interarrival: metrics.interarrival.local(), concealed: 0 }
    }

    /// Notes a frame.
    pub(super) fn frame(&mut self, now: Instant, track: Track) {
        let last = &mut self.last[track as usize];
        if let Some(last) = *last {
            self.interarrival.observe(now.saturating_duration_since(last).as_secs_f64());
        }
        *last = Some(now);
    }

    /// Whether it is time to [`flush`](Self::flush).
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.flushed) >= FLUSH
    }

    /// Adds what came since the last time.
    pub(super) fn flush(
        &mut self,
        metrics: &Metrics,
        now: Instant,
        messages: &twilio::Counts,
        audio: &call::Counts,
    ) {
        self.flushed = now;
        self.interarrival.flush();
        metrics.add_messages(messages);
        self.concealed += audio.missing_samples;
        let frames = &metrics.frames;
        for (counter, count) in [
            (&frames.received, audio.received),
            (&frames.concealed, self.concealed / FRAME_SAMPLES),
            (&frames.late, audio.late),
            (&frames.duplicate, audio.duplicate),
            (&frames.reordered, audio.reordered),
            (&frames.overrun, audio.overrun),
            (&frames.dropped, audio.stray + audio.refused),
            (&metrics.encoder_failures, audio.encoder_failures),
        ] {
            counter.inc_by(count);
        }
        self.concealed %= FRAME_SAMPLES;
        if let Some(samples) = audio.missing_samples.checked_div(audio.gaps) {
            // Two holes in a second are rare enough to be given their mean length.
            let seconds = samples as f64 / f64::from(gateway_core::frame::PHONE_RATE);
            (0..audio.gaps).for_each(|_| metrics.gap.observe(seconds));
        }
    }

    /// Says at the end of a stream which of its voices never came.
    pub(super) fn finish(&self, metrics: &Metrics, announced: usize) {
        match self.last.iter().flatten().count() {
            0 => metrics.zero_packet.inc(),
            heard if heard < announced => metrics.one_way.inc(),
            _ => {}
        }
    }
}
