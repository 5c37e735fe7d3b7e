//! Counting packets by their RTP sequence numbers (RFC 3550 appendix A.1 and A.3).

/// How far back a packet is told from its duplicate. At 50 packets a second this is 41 s.
const WINDOW: u64 = 2_048;
const WORDS: usize = (WINDOW / 64) as usize;

/// What a packet is, next to those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The newest so far. The number counts roll-overs: it is 65,536 greater after each.
    Newest(u64),
    /// New, but overtaken by another.
    Overtaken(u64),
    /// Seen before.
    Duplicate,
    /// So far behind that it cannot be told from a duplicate, or from before the first packet.
    Stale,
}

/// The packets of one stream.
///
/// A jump of up to 32,767 forward counts as so many lost; a greater one reads as a packet from the past, as
/// in RFC 3550.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    first: Option<u64>,
    newest: u64,
    seen: [u64; WORDS],
    pub(super) received: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    pub(super) stale: u64,
}

impl Sequence {
    /// Takes the next packet's sequence number.
    pub(super) fn record(&mut self, number: u16) -> Place {
        let Some(first) = self.first else {
            // One cycle up, so that what precedes the first packet does not fall under zero.
            let extended = u64::from(number) + (1 << 16);
            self.first = Some(extended);
            self.newest = extended;
            self.mark(extended);
            self.received = 1;
            return Place::Newest(extended);
        };
        // The extended number nearest to the newest one.
        let step = number.wrapping_sub(self.newest as u16) as i16;
        let extended = self.newest.saturating_add_signed(i64::from(step));
        if extended > self.newest {
            let forget = (extended - self.newest).min(WINDOW);
            for passed in extended - forget + 1..=extended {
                self.clear(passed);
            }
            self.newest = extended;
            self.mark(extended);
            self.received += 1;
            return Place::Newest(extended);
        }
        if extended < first || self.newest - extended >= WINDOW {
            self.stale += 1;
            return Place::Stale;
        }
        if self.is_marked(extended) {
            self.duplicates += 1;
            return Place::Duplicate;
        }
        self.mark(extended);
        self.received += 1;
        self.reordered += 1;
        Place::Overtaken(extended)
    }

    /// Packets between the first and the newest that never came.
    pub(super) fn lost(&self) -> u64 {
        self.first.map_or(0, |first| self.newest - first + 1 - self.received)
    }

    fn mark(&mut self, extended: u64) {
        let bit = extended % WINDOW;
        if let Some(word) = self.seen.get_mut((bit / 64) as usize) {
            *word |= 1 << (bit % 64);
        }
    }

    fn clear(&mut self, extended: u64) {
        let bit = extended % WINDOW;
        if let Some(word) = self.seen.get_mut((bit / 64) as usize) {
            *word &= !(1 << (bit % 64));
        }
    }

    fn is_marked(&self, extended: u64) -> bool {
        let bit = extended % WINDOW;
        self.seen.get((bit / 64) as usize).is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_lost_until_the_overtaken_packet_comes() {
        let mut sequence = Sequence::default();
        sequence.record(10);
        assert_eq!(sequence.record(13), Place::Newest(65_549));
        assert_eq!(sequence.lost(), 2);

        assert_eq!(sequence.record(11), Place::Overtaken(65_547));
        assert_eq!((sequence.lost(), sequence.reordered), (1, 1));
    }

    #[test]
    fn a_packet_counts_once_however_often_it_comes() {
        let mut sequence = Sequence::default();
        for number in [5, 6, 6, 5, 7] {
            sequence.record(number);
        }
        assert_eq!((sequence.received, sequence.duplicates, sequence.lost()), (3, 2, 0));
    }

    #[test]
    fn the_roll_over_loses_nothing_and_counts_on() {
        let mut sequence = Sequence::default();
        for n in 0..200_000_u64 {
            assert_eq!(sequence.record(n as u16), Place::Newest(n + 65_536), "packet {n}");
        }
        assert_eq!((sequence.received, sequence.lost(), sequence.duplicates), (200_000, 0, 0));
    }

    #[test]
    fn a_loss_across_the_roll_over_is_counted() {
        let mut sequence = Sequence::default();
        sequence.record(65_534);
        assert_eq!(sequence.record(1), Place::Newest(65_536 * 2 + 1), "65,535 and 0 are missing");
        assert_eq!(sequence.lost(), 2);
        assert_eq!(sequence.record(65_535), Place::Overtaken(65_535 + 65_536));
        assert_eq!(sequence.lost(), 1);
    }

    #[test]
    fn a_packet_from_before_the_first_or_beyond_the_window_is_stale() {
        let mut sequence = Sequence::default();
        sequence.record(100);
        assert_eq!(sequence.record(99), Place::Stale);
        sequence.record(100 + WINDOW as u16);
        assert_eq!(sequence.record(100), Place::Stale, "just outside the window");
        assert_eq!(sequence.record(101), Place::Overtaken(65_637), "just inside");
        assert_eq!(sequence.stale, 2);
    }

    #[test]
    fn what_the_window_has_passed_is_forgotten() {
        let mut sequence = Sequence::default();
        sequence.record(0);
        sequence.record(WINDOW as u16 + 5);
        assert_eq!(
            sequence.record(WINDOW as u16),
            Place::Overtaken(WINDOW + 65_536),
            "its bit was packet 0's"
        );
    }
}
