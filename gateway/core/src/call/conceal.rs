//! What is heard where a voice is missing: its last period, again and again, fading to silence within
//! 60 ms. In the manner of G.711 Appendix I, but without that one's delay.

/// Samples of the past that are kept: 30 ms, two of the longest period and the stretch compared.
const PAST: usize = 240;

/// Periods that are looked for: 5 to 15 ms, 66 to 200 Hz. A higher voice is found by a multiple.
const PERIODS: std::ops::RangeInclusive<usize> = 40..=120;

/// The stretch by which periods are compared: 10 ms.
const STRETCH: usize = 80;

/// For this long the period is repeated at full strength.
const FULL: usize = 80;

/// After this long nothing is left of it.
const GONE: usize = 480;

/// Over this many samples the voice that comes back replaces its substitute: 4 ms.
const CROSSFADE: usize = 32;

/// Fills the holes of one voice.
#[derive(Debug)]
pub(super) struct Concealer {
    past: [i16; PAST],
    /// The period, made ready for repeating.
    cycle: [i16; *PERIODS.end()],
    period: usize,
    /// Samples filled since the voice broke off; `None` while it is there.
    filled: Option<usize>,
    /// Samples heard since the last hole.
    heard: usize,
}

impl Concealer {
    /// Silence is all that was heard.
    pub(super) fn new() -> Self {
        let cycle = [0; *PERIODS.end()];
        Self { past: [0; PAST], cycle, period: STRETCH, filled: None, heard: PAST }
    }

    /// The voice is there. After a hole its beginning is blended with the substitute. True: it was not.
    pub(super) fn hear(&mut self, voice: &mut [i16]) -> bool {
        let hole = self.filled.take();
        if let Some(filled) = hole {
            let length = voice.len().min(CROSSFADE);
            for (i, sample) in voice[..length].iter_mut().enumerate() {
                let substitute = self.substitute(filled + i);
                let weight = (2 * i + 1) as i32;
                let whole = 2 * length as i32;
                let mixed = i32::from(*sample) * weight + i32::from(substitute) * (whole - weight);
                *sample = (mixed / whole) as i16;
            }
            self.heard = 0;
        }
        self.heard = self.heard.saturating_add(voice.len());
        self.remember(voice);
        hole.is_none()
    }

    /// The voice is missing.
    pub(super) fn fill(&mut self, hole: &mut [i16]) {
        let filled = match self.filled {
            Some(filled) => filled,
            None => {
                // Shreds of voice between holes are too short to find a period in: the old one goes on.
                if self.heard >= CROSSFADE {
                    self.find_period();
                }
                0
            }
        };
        for (i, sample) in hole.iter_mut().enumerate() {
            *sample = self.substitute(filled + i);
        }
        self.filled = Some((filled + hole.len()).min(GONE));
        self.remember(hole);
    }

    /// The substitute, so many samples after the voice broke off.
    fn substitute(&self, at: usize) -> i16 {
        if at >= GONE {
            return 0;
        }
        let sample = i32::from(self.cycle[at % self.period]);
        let strength = (GONE - at.max(FULL)) as i32;
        (sample * strength / (GONE - FULL) as i32) as i16
    }

    /// Finds the period by which the last 10 ms are most like what was before, and cuts it out.
    fn find_period(&mut self) {
        let recent = &self.past[PAST - STRETCH..];
        let mut best = f32::MIN;
        for period in PERIODS {
            let before = &self.past[PAST - STRETCH - period..PAST - period];
            let (mut product, mut energy) = (0.0, 1.0);
            for (&now, &then) in recent.iter().zip(before) {
                product += f32::from(now) * f32::from(then);
                energy += f32::from(then) * f32::from(then);
            }
            let likeness = product / energy.sqrt();
            if likeness > best {
                (best, self.period) = (likeness, period);
            }
        }
        let cut = PAST - self.period;
        self.cycle[..self.period].copy_from_slice(&self.past[cut..]);
        // Its last quarter leads into its beginning, so that repeating makes no edge.
        let quarter = self.period / 4;
        for i in 0..quarter {
            let at = self.period - quarter + i;
            let (last, lead) = (i32::from(self.past[cut + at]), i32::from(self.past[cut - quarter + i]));
            let weight = (i + 1) as i32;
            let whole = (quarter + 1) as i32;
            self.cycle[at] = ((last * (whole - weight) + lead * weight) / whole) as i16;
        }
    }

    fn remember(&mut self, samples: &[i16]) {
        let new = &samples[samples.len().saturating_sub(PAST)..];
        self.past.copy_within(new.len().., 0);
        self.past[PAST - new.len()..].copy_from_slice(new);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    #[test]
    fn a_tone_goes_on_through_a_hole_and_fades() {
        let mut tone = tone(200.0, 8000.0, 1600);
        let mut concealer = Concealer::new();
        concealer.hear(&mut tone[..800]);
        let (wanted, mut hole) = (tone[800..1440].to_vec(), [0; 640]);
        concealer.fill(&mut hole);
        for i in 0..FULL {
            assert!((hole[i] - wanted[i]).abs() < 300, "{} for {} at {i}", hole[i], wanted[i]);
        }
        assert!(hole[240..GONE].iter().any(|sample| sample.abs() > 500), "not cut off");
        assert!(hole[GONE..].iter().all(|&sample| sample == 0), "gone after 60 ms");
    }

    #[test]
    fn neither_end_of_a_hole_clicks() {
        let steepest = |pcm: &[i16]| pcm.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max().unwrap();
        for hole in [1, 7, 160, 320, 1000] {
            for cut in 800..840 {
                let mut heard = tone(210.0, 8000.0, 2400);
                let limit = steepest(&heard) * 2;
                let mut concealer = Concealer::new();
                concealer.hear(&mut heard[..cut]);
                concealer.fill(&mut heard[cut..cut + hole]);
                concealer.hear(&mut heard[cut + hole..]);
                assert!(steepest(&heard) <= limit, "{} for {limit}: {hole} at {cut}", steepest(&heard));
            }
        }
    }

    #[test]
    fn the_loudest_samples_do_not_overflow() {
        let mut concealer = Concealer::new();
        for value in [i16::MIN, i16::MAX, i16::MIN] {
            concealer.hear(&mut [value; 160]);
            concealer.fill(&mut [0; 40]);
        }
    }

    fn tone(hertz: f32, amplitude: f32, length: usize) -> Vec<i16> {
        (0..length).map(|i| ((TAU * hertz * i as f32 / 8000.0).sin() * amplitude) as i16).collect()
    }
}
