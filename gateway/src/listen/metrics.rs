//! What listeners' metrics are called, and what is counted in a worker before it is.

mod speech;

use std::time::Duration;

use common::bus::SessionEnd;
use gateway_core::listener::{CloseReason, Counts, Report};
use prometheus::core::Collector;
use prometheus::local::LocalHistogram;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use self::speech::Speech;
use super::admit::Why;
use super::net::{Sent, Udp};
use super::routes::Reject;

/// Frame in to SRTP out, in seconds: half a millisecond is good, 40 ms is the promise.
const FORWARD: &[f64] =
    &[0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32];
/// A join, in seconds: the promise is 2 s.
const JOIN: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
const LOSS: &[f64] = &[0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
const ROUND_TRIP: &[f64] = &[0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0];
const JITTER: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5];

/// An estimate of 4 and more is good, below 3.1 many complain.
const MOS: &[f64] = &[1.0, 1.5, 2.0, 2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5];
/// The timer itself is as fine as a millisecond; from 20 ms on a packet comes late.
const STALL: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];

/// Kinds of datagram, by the first byte (RFC 7983).
const CLASSES: [&str; 4] = ["stun", "dtls", "srtp", "other"];

/// The codes of refused requests that a dashboard shows from the start.
#[rustfmt::skip]
const REFUSALS: [&str; 18] = [
    "bad_body", "bad_fragment", "bad_sdp", "body_timeout", "call_not_found", "call_not_live", "method_not_allowed",
    "over_capacity", "precondition_failed", "precondition_required", "rate_limited", "session_in_use",
    "session_not_found", "session_revoked", "too_large", "unauthorized", "unsupported_media_type", "unsupported_sdp",
];

/// Handles to the metrics of listeners. Cloning shares them; no lookup by name happens after the start
/// but for what is rare.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    /// Connected sessions, by the way their media takes.
    pub(super) active: IntGauge,
    pub(super) join: Join,
    ended: IntCounterVec,
    pub(super) forward: Histogram,
    rejected: IntCounterVec,
    auth_failed: IntCounter,
    replayed: IntCounter,
    handshakes: IntCounterVec,
    restarts: IntCounterVec,
    loss: Histogram,
    round_trip: Histogram,
    jitter: Histogram,
    pub(super) mos: Histogram,
    stall: Histogram,
    pub(super) panics: IntCounter,
    pub(super) packets: IntCounter,
    sent: IntCounter,
    pub(super) bytes: IntCounter,
    send_errors: IntCounterVec,
    pub(super) queue_dropped: IntCounter,
    overruns: IntCounter,
    buffers: IntGaugeVec,
    refusals: IntCounterVec,
    answers: IntCounterVec,
    pub(super) speech: Speech,
}

/// How long joins take, from the POST to each stage.
#[derive(Clone, Debug)]
pub(super) struct Join {
    /// The answer to the POST is written.
    pub(super) http: Histogram,
    /// The browser's address is known and has answered.
    pub(super) ice: Histogram,
    /// The keys are agreed.
    pub(super) dtls: Histogram,
    /// The first packet of audio was sent.
    pub(super) first_audio: Histogram,
}

impl Metrics {
    /// Makes and registers all, each series at zero.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let active = IntGaugeVec::new(
            Opts::new("partyline_listeners_active", "Connected listeners, by the way their media takes"),
            &["path"],
        )?;
        let join =
            histograms("partyline_listener_join_seconds", "From the POST to the stage", JOIN, "stage")?;
        let buffers = IntGaugeVec::new(
            Opts::new("partyline_udp_socket_buffer_bytes", "What the kernel gave each media socket"),
            &["direction"],
        )?;
        let this = Self {
            active: active.with_label_values(&["udp"]),
            join: Join {
                http: join.with_label_values(&["http"]),
                ice: join.with_label_values(&["ice"]),
                dtls: join.with_label_values(&["dtls"]),
                first_audio: join.with_label_values(&["first_audio"]),
            },
            ended: counters("partyline_listener_end_total", "Sessions that ended", &["reason"])?,
            forward: histogram("partyline_forward_latency_seconds", "Frame in to SRTP out", FORWARD)?,
            rejected: counters(
                "partyline_udp_rejected_total",
                "Datagrams that nobody looked at",
                &["class", "reason"],
            )?,
            auth_failed: counter(
                "partyline_srtp_auth_failed_total",
                "SRTP and SRTCP that was not authentic, or of another source",
            )?,
            replayed: counter(
                "partyline_srtp_replayed_total",
                "SRTP and SRTCP that had come before, or was too old to tell",
            )?,
            handshakes: counters("partyline_dtls_handshakes_total", "DTLS handshakes", &["result"])?,
            restarts: counters("partyline_ice_restarts_total", "ICE restarts asked for", &["result"])?,
            loss: histogram("partyline_packet_loss_ratio", "Loss that listeners report", LOSS)?,
            round_trip: histogram("partyline_rtt_seconds", "Round trip to listeners", ROUND_TRIP)?,
            jitter: histogram("partyline_jitter_seconds", "Jitter that listeners report", JITTER)?,
            mos: histogram(
                "partyline_mos_estimate",
                "How listeners hear it, by the E-model (ITU-T G.107)",
                MOS,
            )?,
            stall: histogram(
                "partyline_loop_stall_seconds",
                "How late a media worker's timer was served",
                STALL,
            )?,
            panics: counter("partyline_session_panics_total", "Sessions that ended by a fault of ours")?,
            packets: counter("partyline_rtp_packets_sent_total", "Audio packets sent to listeners")?,
            sent: counter("partyline_udp_sent_total", "Datagrams sent")?,
            bytes: counter("partyline_udp_sent_bytes_total", "Bytes given to the kernel, without headers")?,
            answers: counters(
                "partyline_whep_answers_total",
                "Listeners let in, by what they hear and why",
                &["codec", "reason"],
            )?,
            send_errors: counters("partyline_udp_send_errors_total", "Datagrams not sent", &["reason"])?,
            queue_dropped: counter(
                "partyline_forward_queue_dropped_total",
                "Packets of calls that a media worker had no time for",
            )?,
            overruns: counter("partyline_udp_rcvbuf_dropped_total", "Datagrams the kernel had no room for")?,
            buffers,
            refusals: counters("partyline_whep_refused_total", "WHEP requests refused", &["code"])?,
            speech: Speech::register(registry)?,
        };
        let all: [Box<dyn Collector>; 24] = [
            Box::new(active),
            Box::new(join),
            Box::new(this.buffers.clone()),
            Box::new(this.ended.clone()),
            Box::new(this.forward.clone()),
            Box::new(this.rejected.clone()),
            Box::new(this.auth_failed.clone()),
            Box::new(this.replayed.clone()),
            Box::new(this.handshakes.clone()),
            Box::new(this.restarts.clone()),
            Box::new(this.loss.clone()),
            Box::new(this.round_trip.clone()),
            Box::new(this.jitter.clone()),
            Box::new(this.mos.clone()),
            Box::new(this.stall.clone()),
            Box::new(this.panics.clone()),
            Box::new(this.packets.clone()),
            Box::new(this.sent.clone()),
            Box::new(this.bytes.clone()),
            Box::new(this.answers.clone()),
            Box::new(this.send_errors.clone()),
            Box::new(this.queue_dropped.clone()),
            Box::new(this.overruns.clone()),
            Box::new(this.refusals.clone()),
        ];
        for collector in all {
            registry.register(collector)?;
        }
        this.start_at_zero();
        Ok(this)
    }

    fn start_at_zero(&self) {
        for reason in [
            SessionEnd::Left,
            SessionEnd::CallEnded,
            SessionEnd::Lost,
            SessionEnd::Failed,
            SessionEnd::Revoked,
            SessionEnd::Shutdown,
        ] {
            self.ended.with_label_values(&[end_label(reason)]);
        }
        for class in CLASSES {
            for reason in Reject::ALL {
                self.rejected.with_label_values(&[class, reason.as_str()]);
            }
        }
        self.rejected.with_label_values(&["other", "oversize"]);
        self.rejected.with_label_values(&["stun", "address_taken"]);
        self.rejected.with_label_values(&["stun", "bad_check"]);
        self.rejected.with_label_values(&["stun", "rate_limit"]);
        self.rejected.with_label_values(&["srtp", "listen_only"]);
        for result in ["connected", "fingerprint", "dtls", "timeout", "limit", "peer"] {
            self.handshakes.with_label_values(&[result]);
        }
        for result in Restart::ALL {
            self.restarts.with_label_values(&[result.as_str()]);
        }
        for reason in ["full", "refused"] {
            self.send_errors.with_label_values(&[reason]);
        }
        for why in Why::ALL {
            self.answered(why);
        }
        for code in REFUSALS {
            self.refusals.with_label_values(&[code]);
        }
    }

    pub(super) fn ended(&self, reason: SessionEnd) {
        self.ended.with_label_values(&[end_label(reason)]).inc();
    }

    /// A datagram that no session got.
    pub(super) fn rejected(&self, datagram: &[u8], reason: Reject) {
        self.rejected.with_label_values(&[class(datagram), reason.as_str()]).inc();
    }

    /// A datagram longer than any of ours may be.
    pub(super) fn oversize(&self) {
        self.rejected.with_label_values(&["other", "oversize"]).inc();
    }

    /// A session validated an address that another one owns.
    pub(super) fn address_taken(&self) {
        self.rejected.with_label_values(&["stun", "address_taken"]).inc();
    }

    pub(super) fn restart(&self, result: Restart) {
        self.restarts.with_label_values(&[result.as_str()]).inc();
    }

    /// The handshake is done.
    pub(super) fn handshake_done(&self) {
        self.handshakes.with_label_values(&["connected"]).inc();
    }

    /// A session whose address was known closed before it was connected.
    pub(super) fn handshake_failed(&self, reason: CloseReason) {
        if !matches!(reason, CloseReason::Local) {
            self.handshakes.with_label_values(&[reason.as_str()]).inc();
        }
    }

    /// A browser said how it receives; `mos` is what follows from that.
    pub(super) fn report(&self, report: &Report, mos: Option<f64>) {
        self.loss.observe(report.fraction_lost.into());
        self.jitter.observe(report.jitter.as_secs_f64());
        if let Some(round_trip) = report.round_trip {
            self.round_trip.observe(round_trip.as_secs_f64());
        }
        if let Some(mos) = mos {
            self.mos.observe(mos);
        }
    }

    /// A listener is let in.
    pub(super) fn answered(&self, why: Why) -> IntCounter {
        self.answers.with_label_values(&[why.codec().as_str(), why.as_str()])
    }

    /// A request that was refused, by the code its client was told.
    pub(super) fn refused(&self, code: &'static str) {
        self.refusals.with_label_values(&[code]).inc();
    }

    /// What the kernel gave a socket.
    pub(super) fn buffers(&self, receive: usize, send: usize) {
        for (direction, bytes) in [("receive", receive), ("send", send)] {
            self.buffers.with_label_values(&[direction]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }
}

/// How a wish for an ICE restart ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Restart {
    Done,
    /// Asked again after the answer was lost.
    Repeated,
    /// Without `If-Match`, or for an older ICE session.
    Refused,
    /// The worker had no time, or the session was gone.
    Failed,
}

impl Restart {
    const ALL: [Self; 4] = [Self::Done, Self::Repeated, Self::Refused, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A worker's own counts, given to the metrics about each second: the way of a packet touches nothing
/// that another thread touches.
#[derive(Debug)]
pub(super) struct Tally {
    metrics: Metrics,
    forward: LocalHistogram,
    stall: LocalHistogram,
    packets: u64,
    sent: Sent,
    counts: Counts,
    overruns: u32,
    /// There is something to give.
    pub(super) dirty: bool,
}

impl Tally {
    pub(super) fn new(metrics: Metrics) -> Self {
        let (forward, stall) = (metrics.forward.local(), metrics.stall.local());
        let (sent, counts) = (Sent::default(), Counts::default());
        Self { metrics, forward, stall, packets: 0, sent, counts, overruns: 0, dirty: false }
    }

    /// A call's packet has gone to all who hear it here, this long after its frame came.
    pub(super) fn forwarded(&mut self, latency: Duration) {
        self.forward.observe(latency.as_secs_f64());
        self.dirty = true;
    }

    /// The worker's timer was served this late. Alone that is no reason to wake up again for the metrics.
    pub(super) fn woke(&mut self, late: Duration) {
        self.stall.observe(late.as_secs_f64());
    }

    /// A listener's packet was written.
    pub(super) fn packet(&mut self) {
        self.packets += 1;
    }

    pub(super) fn sent(&mut self, sent: Sent) {
        self.sent.sent += sent.sent;
        self.sent.bytes += sent.bytes;
        self.sent.full += sent.full;
        self.sent.refused += sent.refused;
        self.dirty = true;
    }

    pub(super) fn counts(&mut self, counts: Counts) {
        self.counts.bad_checks += counts.bad_checks;
        self.counts.limited_checks += counts.limited_checks;
        self.counts.strangers += counts.strangers;
        self.counts.replayed += counts.replayed;
        self.counts.unauthentic += counts.unauthentic;
        self.counts.unheard += counts.unheard;
        self.dirty = true;
    }

    /// Gives all to the metrics.
    pub(super) fn flush(&mut self, udp: &Udp) {
        let metrics = &self.metrics;
        self.forward.flush();
        self.stall.flush();
        metrics.packets.inc_by(std::mem::take(&mut self.packets));
        let sent = std::mem::take(&mut self.sent);
        metrics.sent.inc_by(sent.sent);
        metrics.bytes.inc_by(sent.bytes);
        for (reason, count) in [("full", sent.full), ("refused", sent.refused)] {
            metrics.send_errors.with_label_values(&[reason]).inc_by(count);
        }
        let counts = std::mem::take(&mut self.counts);
        for (class, reason, count) in [
            ("stun", "bad_check", counts.bad_checks),
            ("stun", "rate_limit", counts.limited_checks),
            ("dtls", Reject::UnknownSource.as_str(), counts.strangers),
            ("srtp", "listen_only", counts.unheard),
        ] {
            metrics.rejected.with_label_values(&[class, reason]).inc_by(count);
        }
        metrics.auth_failed.inc_by(counts.unauthentic);
        metrics.replayed.inc_by(counts.replayed);
        if let Some(overruns) = udp.overruns() {
            // The kernel's count wraps.
            metrics.overruns.inc_by(overruns.wrapping_sub(self.overruns).into());
            self.overruns = overruns;
        }
        self.dirty = false;
    }
}

/// The word for a reason. The same as on the bus.
fn end_label(reason: SessionEnd) -> &'static str {
    match reason {
        SessionEnd::Left => "left",
        SessionEnd::CallEnded => "call_ended",
        SessionEnd::Lost => "lost",
        SessionEnd::Failed => "failed",
        SessionEnd::Revoked => "revoked",
        SessionEnd::Shutdown => "shutdown",
        SessionEnd::Unknown => "unknown",
    }
}

/// What a datagram claims to be (RFC 7983, section 7).
fn class(datagram: &[u8]) -> &'static str {
    match datagram.first() {
        Some(0..=3) => "stun",
        Some(20..=63) => "dtls",
        Some(128..=191) => "srtp",
        _ => "other",
    }
}

fn counter(name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    IntCounter::new(name, help)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
}

fn histograms(
    name: &str,
    help: &str,
    buckets: &[f64],
    label: &str,
) -> Result<HistogramVec, prometheus::Error> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), &[label])
}
