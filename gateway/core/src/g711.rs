//! Mu-law, the telephone's sample format (ITU-T G.711), by table in both directions.

/// Digital silence in mu-law: the positive zero.
pub const SILENCE: u8 = 0xff;

/// The linear value of each of the 256 codes.
static LINEAR: [i16; 256] = linear();

/// The code of each linear value, by its upper 14 bits: G.711 knows no finer ones. 16 KiB.
static CODE: [u8; 1 << 14] = code();

/// The linear value of one sample, within ±32,124.
#[inline]
pub fn decode_sample(ulaw: u8) -> i16 {
    LINEAR[usize::from(ulaw)]
}

/// The nearest code of one sample; louder than ±32,635 is clipped.
#[inline]
pub fn encode_sample(linear: i16) -> u8 {
    CODE[usize::from(linear as u16 >> 2)]
}

/// Decodes as many samples as both sides have.
pub fn decode(ulaw: &[u8], linear: &mut [i16]) {
    for (linear, &ulaw) in linear.iter_mut().zip(ulaw) {
        *linear = decode_sample(ulaw);
    }
}

/// Encodes as many samples as both sides have.
pub fn encode(linear: &[i16], ulaw: &mut [u8]) {
    for (ulaw, &linear) in ulaw.iter_mut().zip(linear) {
        *ulaw = encode_sample(linear);
    }
}

const fn linear() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // All bits are inverted on the line. Then: a sign, three bits of segment, four of step.
        let code = !(byte as u8);
        let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
        // 132 is the bias of G.711 at 16 bits: it makes each segment twice as long as the last.
        let magnitude = (((step << 3) + 132) << segment) - 132;
        table[byte] = if code & 0x80 == 0 { magnitude } else { -magnitude };
        byte += 1;
    }
    table
}

const fn code() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        // The index is a 14-bit number in two's complement. A negative one is inverted, not negated, as in
        // ITU-T G.191: so the steps on both sides of zero are equally wide.
        let negative = index & (1 << 13) != 0;
        let magnitude = if negative { !index & 0x1fff } else { index } as u32 + 33;
        let magnitude = if magnitude > 0x1fff { 0x1fff } else { magnitude };
        let segment = magnitude.ilog2() - 5;
        let step = (magnitude >> (segment + 1)) & 15;
        let sign = if negative { 0x80 } else { 0 };
        table[index] = !(sign | (segment << 4) as u8 | step as u8);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711, table 2a: where each segment begins and how wide its steps are, at 14 bits.
    const SEGMENTS: [(i32, i32); 8] =
        [(0, 2), (31, 4), (95, 8), (223, 16), (479, 32), (991, 64), (2015, 128), (4063, 256)];

    #[test]
    fn all_codes_decode_to_the_values_of_the_recommendation() {
        for code in 0..=255u8 {
            let (segment, step) = (usize::from(!code >> 4 & 7), i32::from(!code & 15));
            // Table 2a gives 0, 2, 4, ... 30 for the first segment and the middle of each step after it.
            let (start, width) = SEGMENTS[segment];
            let middle = if segment == 0 { 2 * step } else { start + width * step + width / 2 };
            let expected = if code & 0x80 == 0 { -4 * middle } else { 4 * middle };
            assert_eq!(i32::from(decode_sample(code)), expected, "{code:#04x}");
        }
    }

    #[test]
    fn all_samples_encode_to_the_step_they_fall_in() {
        for sample in i16::MIN..=i16::MAX {
            let magnitude = (i32::from(if sample < 0 { !sample } else { sample }) >> 2).min(8158);
            // Decision values of table 2a: 0, 1, 3, 5, ... 31, 35, ... 8159.
            let expected = if magnitude < 1 {
                0
            } else {
                let segment = SEGMENTS.iter().rposition(|&(start, _)| magnitude >= start).unwrap();
                let (start, width) = SEGMENTS[segment];
                let step = if segment == 0 { (magnitude + 1) / 2 } else { (magnitude - start) / width };
                (segment as i32) << 4 | step
            };
            let expected = if sample < 0 { !expected & 0x7f } else { !expected & 0xff };
            assert_eq!(i32::from(encode_sample(sample)), expected, "{sample}");
        }
    }

    #[test]
    fn a_code_survives_the_way_there_and_back() {
        for code in 0..=255u8 {
            // The negative zero comes back as the positive one: linear PCM has only one.
            let expected = if code == 0x7f { SILENCE } else { code };
            assert_eq!(encode_sample(decode_sample(code)), expected, "{code:#04x}");
        }
    }

    #[test]
    fn slices_of_unequal_length_stop_at_the_shorter() {
        let mut linear = [1; 3];
        decode(&[SILENCE, 0x80], &mut linear);
        assert_eq!(linear, [0, 32_124, 1]);
        let mut ulaw = [0; 1];
        encode(&[0, 1000], &mut ulaw);
        assert_eq!(ulaw, [SILENCE]);
    }
}
