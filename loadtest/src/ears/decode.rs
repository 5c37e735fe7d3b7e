//! Opus packets, in any order, to two sides of PCM that keep the sender's time.

use std::collections::BTreeMap;

use opusic_c::{Channels, Decoder, ErrorCode, SampleRate};

use super::RATE;

/// How many packets may wait for one that is missing. A listener that records has no hurry: 320 ms.
const HOLD: usize = 16;

/// The longest Opus packet: 120 ms (RFC 6716 section 3.2.5).
const LONGEST: usize = 5_760;

/// How much a lost packet is concealed for at most; the rest of a gap is silence.
const CONCEALED_AT_MOST: u64 = 5_760;

/// Concealment is asked for in steps of 2.5 ms, up to 20 ms each.
const CONCEAL_STEP: u64 = 120;
const CONCEAL_CHUNK: u64 = 960;

/// The greatest gap that is filled; beyond it the sender's clock has jumped.
const GAP_AT_MOST: u64 = 60 * RATE as u64;

/// What one listener keeps of each side: ten minutes.
const SAMPLES_AT_MOST: usize = 600 * RATE as usize;

/// A decoder that puts every packet where its timestamp says.
///
/// Where the sequence has no hole but time has (a sender that does not encode silence), the gap is silence.
/// Where a packet is lost, libopus conceals it.
pub(super) struct Timeline {
    decoder: Decoder,
    held: BTreeMap<u64, (u64, Vec<u8>)>,
    next_sequence: Option<u64>,
    next_time: u64,
    left: Vec<i16>,
    right: Vec<i16>,
    scratch: Vec<u16>,
    pub(super) concealed: u64,
    pub(super) silent: u64,
    pub(super) late: u64,
    pub(super) broken: u64,
}

impl Timeline {
    /// An empty timeline.
    pub(super) fn new() -> Result<Self, ErrorCode> {
        Ok(Self {
            decoder: Decoder::new(Channels::Stereo, SampleRate::Hz48000)?,
            held: BTreeMap::new(),
            next_sequence: None,
            next_time: 0,
            left: Vec::new(),
            right: Vec::new(),
            scratch: vec![0; LONGEST * 2],
            concealed: 0,
            silent: 0,
            late: 0,
            broken: 0,
        })
    }

    /// Takes a packet by its extended sequence number and extended timestamp.
    pub(super) fn push(&mut self, sequence: u64, time: u64, payload: &[u8]) {
        let next = *self.next_sequence.get_or_insert_with(|| {
            self.next_time = time;
            sequence
        });
        if sequence < next {
            self.late += 1;
            return;
        }
        self.held.insert(sequence, (time, payload.to_vec()));
        self.play_what_follows();
        if self.held.len() > HOLD {
            self.skip_to_the_next();
        }
    }

    /// Plays what waits, holes or not, and gives the two sides.
    pub(super) fn finish(&mut self) -> (Vec<i16>, Vec<i16>) {
        while !self.held.is_empty() {
            self.skip_to_the_next();
        }
        (std::mem::take(&mut self.left), std::mem::take(&mut self.right))
    }

    fn play_what_follows(&mut self) {
        while let Some(sequence) = self.next_sequence
            && let Some((time, payload)) = self.held.remove(&sequence)
        {
            self.next_sequence = Some(sequence + 1);
            self.play(time, &payload, false);
        }
    }

    fn skip_to_the_next(&mut self) {
        if let Some((sequence, (time, payload))) = self.held.pop_first() {
            self.next_sequence = Some(sequence + 1);
            self.play(time, &payload, true);
            self.play_what_follows();
        }
    }

    fn play(&mut self, time: u64, payload: &[u8], after_loss: bool) {
        let gap = time.saturating_sub(self.next_time);
        if gap > 0 && gap <= GAP_AT_MOST {
            let concealed = if after_loss { self.conceal(gap) } else { 0 };
            self.silence(gap - concealed);
        }
        match self.decoder.decode_to_slice(payload, &mut self.scratch, false) {
            Ok(samples) => {
                self.append(samples);
                self.next_time = time + samples as u64;
            }
            Err(_) => {
                // Its place is kept open: the next packet's timestamp fills it.
                self.broken += 1;
                self.next_time = time;
            }
        }
    }

    fn conceal(&mut self, gap: u64) -> u64 {
        let mut done = 0;
        let wanted = gap.min(CONCEALED_AT_MOST) / CONCEAL_STEP * CONCEAL_STEP;
        while done < wanted {
            let samples = (wanted - done).min(CONCEAL_CHUNK);
            let Some(room) = self.scratch.get_mut(..samples as usize * 2) else { break };
            match self.decoder.decode_to_slice(&[], room, false) {
                Ok(samples) if samples > 0 => {
                    self.append(samples);
                    done += samples as u64;
                }
                _ => break,
            }
        }
        self.concealed += done;
        done
    }

    fn silence(&mut self, samples: u64) {
        self.silent += samples;
        let length = self.left.len().saturating_add(samples as usize).min(SAMPLES_AT_MOST);
        self.left.resize(length, 0);
        self.right.resize(length, 0);
    }

    fn append(&mut self, samples: usize) {
        let room = SAMPLES_AT_MOST.saturating_sub(self.left.len());
        for pair in self.scratch.chunks_exact(2).take(samples.min(room)) {
            if let [left, right] = *pair {
                self.left.push(left as i16);
                self.right.push(right as i16);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use opusic_c::{Application, Encoder};

    use super::*;

    /// `n` packets of 20 ms that carry `left` and `right` as constant levels.
    fn packets(n: usize) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(Channels::Stereo, SampleRate::Hz48000, Application::LowDelay).unwrap();
        let mut phase = 0.0_f32;
        (0..n)
            .map(|_| {
                let mut pcm = Vec::with_capacity(1_920);
                for _ in 0..960 {
                    let sample = (phase.sin() * 8_000.0) as i16;
                    phase += std::f32::consts::TAU * 450.0 / 48_000.0;
                    pcm.extend([sample as u16, 0]);
                }
                let mut out = Vec::new();
                encoder
                    .encode_to_vec(&pcm, {
                        out.reserve(1_500);
                        &mut out
                    })
                    .unwrap();
                out
            })
            .collect()
    }

    fn loud(side: &[i16]) -> bool {
        side.iter().any(|sample| sample.unsigned_abs() > 2_000)
    }

    #[test]
    fn reordered_packets_sound_as_if_in_order() {
        let packets = packets(6);
        let mut in_order = Timeline::new().unwrap();
        let mut shuffled = Timeline::new().unwrap();
        for n in 0..6_u64 {
            in_order.push(n, n * 960, &packets[n as usize]);
        }
        for n in [0, 2, 1, 5, 3, 4_u64] {
            shuffled.push(n, n * 960, &packets[n as usize]);
        }
        let expected = in_order.finish();
        assert_eq!(shuffled.finish(), expected);
        assert_eq!(expected.0.len(), 6 * 960);
        assert!(loud(&expected.0) && !loud(&expected.1), "left only");
        assert_eq!(shuffled.concealed, 0);
    }

    #[test]
    fn a_gap_in_time_without_a_gap_in_sequence_is_silence() {
        let packets = packets(3);
        let mut timeline = Timeline::new().unwrap();
        timeline.push(0, 0, &packets[0]);
        timeline.push(1, 960, &packets[1]);
        timeline.push(2, 960 * 12, &packets[2]);
        let (left, _) = timeline.finish();
        assert_eq!(left.len(), 13 * 960);
        assert!(left[2 * 960..12 * 960].iter().all(|sample| *sample == 0));
        assert_eq!((timeline.silent, timeline.concealed), (10 * 960, 0));
    }

    #[test]
    fn a_lost_packet_is_concealed_and_time_goes_on() {
        let packets = packets(5);
        let mut timeline = Timeline::new().unwrap();
        for n in [0, 1, 3, 4_u64] {
            timeline.push(n, n * 960, &packets[n as usize]);
        }
        let (left, right) = timeline.finish();
        assert_eq!((left.len(), right.len()), (5 * 960, 5 * 960));
        assert_eq!((timeline.concealed, timeline.silent), (960, 0));
        assert!(loud(&left[2 * 960..3 * 960]), "libopus goes on with the tone");
    }

    #[test]
    fn a_packet_that_is_no_opus_leaves_its_place_open() {
        let packets = packets(3);
        let mut timeline = Timeline::new().unwrap();
        timeline.push(0, 0, &packets[0]);
        timeline.push(1, 960, &[0xff; 3]);
        timeline.push(2, 1_920, &packets[2]);
        assert_eq!(timeline.finish().0.len(), 3 * 960);
        assert_eq!(timeline.broken, 1);
    }

    #[test]
    fn a_clock_that_jumps_does_not_fill_the_memory() {
        let packets = packets(2);
        let mut timeline = Timeline::new().unwrap();
        timeline.push(0, 0, &packets[0]);
        timeline.push(1, 1 << 40, &packets[1]);
        assert_eq!(timeline.finish().0.len(), 2 * 960);
    }
}
