//! How long packets must wait so that nearly all are there when their time comes.
//!
//! A packet's transit is the time between its own clock and ours; only its changes mean anything. The shortest
//! of the last seconds is what the path takes at best: it follows a clock that drifts. What packets take
//! beyond that is counted by length, the old fading away, and the delay covers 95 of 100.

use super::CLOCK;

/// Width of a counted length: 5 ms.
const STEP: i64 = CLOCK / 200;

/// Lengths that are told apart: up to 200 ms.
const STEPS: usize = 40;

/// How many of 100 packets must be in time, as a part of one.
const IN_TIME: f32 = 0.95;

/// What is left of the past after each packet: half of it after 2.8 s of packets of 20 ms.
const MEMORY: f32 = 0.995;

/// The shortest transit is looked for in two stretches of so long: 2 s.
const STRETCH: i64 = 2 * CLOCK;

/// Packets before the count is believed, and what it is taken for until then: 20 ms.
const ENOUGH: u32 = 10;
const UNKNOWN: i64 = CLOCK / 50;

/// 20 ms are asked for at a time, so a packet may lie so long before its last sample is.
const ASKED: i64 = CLOCK / 50;

/// What a path does to packets. All times are in ticks of [`CLOCK`].
#[derive(Debug)]
pub(super) struct Delay {
    lengths: [f32; STEPS],
    seen: u32,
    /// The shortest transit of this stretch and of the one before, and when this one began.
    shortest: [i64; 2],
    since: i64,
    least: i64,
    most: i64,
    target: i64,
}

impl Delay {
    /// Nothing is known. `least` and `most` bound the delay.
    pub(super) fn new(least: i64, most: i64) -> Self {
        let mut delay = Self {
            lengths: [0.0; STEPS],
            seen: 0,
            shortest: [i64::MAX; 2],
            since: 0,
            least,
            most,
            target: 0,
        };
        delay.settle();
        delay
    }

    /// Another stream begins, by another clock.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.least, self.most);
    }

    /// A packet with this timestamp has arrived.
    pub(super) fn learn(&mut self, arrived: i64, timestamp: i64) {
        let transit = arrived - timestamp;
        if self.seen == 0 || arrived - self.since > STRETCH {
            self.shortest = if self.seen == 0 { [transit; 2] } else { [transit, self.shortest[0]] };
            self.since = arrived;
        }
        self.shortest[0] = self.shortest[0].min(transit);
        let beyond = transit - self.base();
        let step = usize::try_from(beyond / STEP).unwrap_or(0).min(STEPS - 1);
        self.seen = self.seen.saturating_add(1);
        let memory = MEMORY.min(1.0 - 1.0 / self.seen as f32);
        for length in &mut self.lengths {
            *length *= memory;
        }
        self.lengths[step] += 1.0 - memory;
        self.settle();
    }

    /// The shortest transit.
    pub(super) fn base(&self) -> i64 {
        self.shortest[0].min(self.shortest[1])
    }

    /// How long after the shortest transit a packet begins to be heard.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    fn settle(&mut self) {
        let mut sum = 0.0;
        let enough = self.lengths.iter().position(|length| {
            sum += length;
            sum >= IN_TIME
        });
        let counted = (enough.unwrap_or(STEPS - 1) as i64 + 1) * STEP;
        let wanted = if self.seen < ENOUGH { counted.max(UNKNOWN) } else { counted };
        let wanted = if self.seen == 0 { UNKNOWN } else { wanted };
        self.target = (ASKED + wanted).clamp(self.least, self.most);
    }
}
