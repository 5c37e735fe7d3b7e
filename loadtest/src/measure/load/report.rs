//! What a load came to, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::Load;
use super::round::Round;
use crate::measure::{janus, median, rounded};

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    server: String,
    calls: u32,
    listeners: u32,
    seconds: u64,
    /// Of the medians.
    times_the_floor: Option<f64>,
    /// Of the medians: Janus's cost by the server's.
    times_cheaper_than_janus: Option<f64>,
    /// Of the medians.
    us_per_packet_above_encode: Option<f64>,
    above_encode_times_the_floor: Option<f64>,
    rounds: Vec<Round>,
    method: String,
    /// What else could have been measured.
    #[serde(skip)]
    hint: Option<&'static str>,
}

const METHOD: &str = "server: user + system time of its process (its CPU clock) over the window, divided by the packets \
                      that arrived in it. Listeners count packets by their headers and read their sockets ten times a \
                      second, so that no sender pays for waking a reader. All on this machine, in turns";

const FLOOR: &str = "floor: CPU time of a thread that only seals (AES-128-GCM) and calls sendmmsg(64) for as many \
                     sockets";

const JANUS: &str = "janus: the same of a Janus process whose streaming plugin forwards one Opus stream of 50 packets a \
                     second and the same length to as many of the same listeners, ICE-lite, nothing else loaded";

const MEMORY: &str = "memory: Anonymous of /proc/PID/smaps_rollup. A call's, with its ring full, is told with --fill of 20 \
                      calls or more; a listener's of 500 or more, on one call or with --fill";

const ABOVE: &str = "above the encode: of the server's CPU time in the window, what the same calls cost a second while \
                     nobody listened is taken off, and for each frame that was heard what a thread needs that only \
                     encodes as many calls of these voices with libopus at the server's setting, paced alike; the rest \
                     is divided by the packets. A frame that only reminds of silence counts as encoded";

const HINT: &str = "Janus is installed: --janus gives it the same work in the same turns";

impl Report {
    pub(super) fn new(load: &Load, listeners: u32, rounds: Vec<Round>) -> Self {
        let of = |figure: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(figure));
        let (floor, server) = (of(|round| round.floor_us_per_packet), of(|round| round.us_per_packet));
        let janus = of(|round| round.janus_us_per_packet);
        let above = of(|round| round.above_encode.map(|above| above.us_per_packet_above_encode));
        let ratio = |of: Option<f64>, by: Option<f64>| of.zip(by).map(|(of, by)| rounded(of / by));
        let parts = [
            Some(METHOD),
            (!load.no_floor).then_some(FLOOR),
            load.janus.then_some(JANUS),
            Some(MEMORY),
            load.above_encode.then_some(ABOVE),
        ];
        let hint = !load.janus && load.calls == 1 && janus::is_installed();
        Self {
            server: load.which.name(),
            calls: load.calls,
            listeners,
            seconds: load.seconds,
            times_the_floor: ratio(server, floor),
            times_cheaper_than_janus: ratio(janus, server),
            us_per_packet_above_encode: above,
            above_encode_times_the_floor: ratio(above, floor),
            rounds,
            method: parts.into_iter().flatten().collect::<Vec<_>>().join(".\n  "),
            hint: hint.then_some(HINT),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} calls, {} listeners, windows of {} s", self.calls, self.listeners, self.seconds)?;
        self.rounds.iter().try_for_each(|round| round.fmt(f))?;
        if let Some(times) = self.times_the_floor {
            writeln!(f, "  {times:.2} times the floor (medians)")?;
        }
        if let Some(times) = self.times_cheaper_than_janus {
            writeln!(f, "  {times:.2} times cheaper than Janus (medians)")?;
        }
        if let Some(us) = self.us_per_packet_above_encode {
            write!(f, "  {us:.3} µs a packet above the encode")?;
            match self.above_encode_times_the_floor {
                Some(times) => writeln!(f, ", {times:.2} times the floor (medians)")?,
                None => writeln!(f, " (median)")?,
            }
        }
        writeln!(f, "  {}", self.method)?;
        self.hint.iter().try_for_each(|hint| writeln!(f, "  {hint}"))
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known =
            |figure: Option<f64>, unit| figure.map_or("not known".to_owned(), |n| format!("{n:.3} {unit}"));
        let floor = self.floor_us_per_packet.map_or("left out".to_owned(), |us| format!("{us:.3} µs"));
        writeln!(f, "  CPU a packet          {}   (floor {floor})", known(self.us_per_packet, "µs"))?;
        writeln!(
            f,
            "    cores in use        {}   (load {:.3})",
            known(self.cores, "").trim_end(),
            self.load_cores
        )?;
        writeln!(f, "    CPU a join          {}", known(self.ms_per_join, "ms"))?;
        writeln!(f, "    POST to first audio {}", self.join)?;
        let (p50, p99) = (known(self.forward.p50_ms, "ms"), known(self.forward.p99_ms, "ms"));
        writeln!(f, "    frame in, SRTP out  p50 {p50}   p99 {p99}")?;
        if let Some(memory) = self.memory {
            let call = memory.mb_per_call.map_or(String::new(), |mb| format!("{mb} MB a call, "));
            let listener = memory.kb_per_listener.map_or(String::new(), |kb| format!("{kb} kB a listener, "));
            writeln!(
                f,
                "    memory              {} MB empty, {call}{listener}{} MB at the end",
                memory.empty_mb, memory.end_mb
            )?;
        }
        writeln!(
            f,
            "    packets             {} of {} bytes, {} lost, {} dropped, {} listeners replaced",
            self.packets, self.bytes_per_packet, self.lost, self.dropped, self.churned
        )?;
        if let Some(above) = self.above_encode {
            writeln!(
                f,
                "    above the encode    {:.3} µs a packet   (encode {:.1} µs a frame, unheard {:.3} ms a call-second)",
                above.us_per_packet_above_encode, above.encode_us_per_frame, above.unheard_ms_per_call_second
            )?;
        }
        if let Some(failed) = &self.janus_failed {
            writeln!(f, "    janus               did not carry it: {failed}")?;
        }
        self.janus.iter().try_for_each(|janus| janus.fmt(f))
    }
}
