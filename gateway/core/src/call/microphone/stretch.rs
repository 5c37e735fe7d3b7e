//! Makes speech a little shorter or longer without changing its pitch: a period is left out, or said twice.

/// Periods that are looked for: 5 to 15 ms, 66 to 200 Hz. A higher voice is found by a multiple.
const SHORTEST: usize = 40;
pub(super) const LONGEST: usize = 120;

/// The stretch by which periods are compared, and over which one leads into the next: 10 ms.
const OVERLAP: usize = 80;

/// Samples that are enough to find any period in.
pub(super) const ENOUGH: usize = LONGEST + OVERLAP;

/// Leaves a period out. Returns how many samples are missing now; none if there are too few.
pub(super) fn shorten(pcm: &mut Vec<i16>) -> usize {
    let Some(period) = find_period(pcm) else { return 0 };
    for i in 0..OVERLAP {
        pcm[i] = blend(pcm[i], pcm[i + period], i);
    }
    pcm.drain(OVERLAP..OVERLAP + period);
    period
}

/// Says a period twice. Returns how many samples were added; none if there are too few.
pub(super) fn lengthen(pcm: &mut Vec<i16>) -> usize {
    let Some(period) = find_period(pcm) else { return 0 };
    let length = pcm.len();
    let mut natural = [0; OVERLAP];
    natural.copy_from_slice(&pcm[period..][..OVERLAP]);
    pcm.resize(length + period, 0);
    pcm.copy_within(..length, period);
    // After the first period it begins again, and is led there from what would have come.
    for (i, &natural) in natural.iter().enumerate() {
        pcm[period + i] = blend(natural, pcm[period + i], i);
    }
    period
}

/// The period by which the beginning is most like what follows.
fn find_period(pcm: &[i16]) -> Option<usize> {
    let longest = pcm.len().checked_sub(OVERLAP)?.min(LONGEST);
    let beginning = &pcm[..OVERLAP];
    let likeness = |period: usize| {
        let (mut product, mut energy) = (0.0, 1.0);
        for (&now, &then) in beginning.iter().zip(&pcm[period..]) {
            product += f32::from(now) * f32::from(then);
            energy += f32::from(then) * f32::from(then);
        }
        product / energy.sqrt()
    };
    let periods = (SHORTEST..=longest).map(|period| (period, likeness(period)));
    periods.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(period, _)| period)
}

/// From one voice to another, at a sample of the overlap.
fn blend(from: i16, to: i16, at: usize) -> i16 {
    let (weight, whole) = (2 * at as i32 + 1, 2 * OVERLAP as i32);
    ((i32::from(from) * (whole - weight) + i32::from(to) * weight) / whole) as i16
}
