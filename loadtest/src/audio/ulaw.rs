//! G.711 mu-law, written from the recommendation and apart from the server's, so that neither can hide
//! a mistake of the other.

/// The byte for silence.
pub const SILENCE: u8 = 0xFF;

/// Added before the segment is looked for, so that each segment is twice the one below.
const BIAS: u16 = 0x84;

/// Larger magnitudes are clipped: with the bias they would pass 15 bits.
const CLIP: u16 = 0x7FFF - BIAS;

/// One sample as mu-law.
pub const fn encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let magnitude = if magnitude > CLIP { CLIP } else { magnitude } + BIAS;
    let segment = 8 - magnitude.leading_zeros() as u8;
    let step = (magnitude >> (segment + 3)) as u8 & 0x0F;
    !(sign | (segment << 4) | step)
}

/// The sample a mu-law byte stands for.
pub const fn decode(byte: u8) -> i16 {
    let byte = !byte;
    let segment = (byte >> 4) & 0x07;
    let step = (byte & 0x0F) as u16;
    let magnitude = (((step << 3) + BIAS) << segment) - BIAS;
    if byte & 0x80 == 0 { magnitude as i16 } else { -(magnitude as i16) }
}

/// All of `pcm` as mu-law.
pub fn encode_all(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().map(|&sample| encode(sample)).collect()
}

/// All of `ulaw` as samples.
pub fn decode_all(ulaw: &[u8]) -> Vec<i16> {
    ulaw.iter().map(|&byte| decode(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_those_of_g711() {
        // G.711, table 2: the ends of the scale and both zeros.
        for (byte, sample) in [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0xF0, 120)] {
            assert_eq!(decode(byte), sample, "{byte:#x}");
        }
        for (sample, byte) in [(0, 0xFF), (i16::MAX, 0x80), (i16::MIN, 0x00), (-1, 0x7F), (1000, 0xCE)] {
            assert_eq!(encode(sample), byte, "{sample}");
        }
    }

    #[test]
    fn every_byte_but_the_negative_zero_survives_a_round_trip() {
        for byte in (0..=u8::MAX).filter(|&byte| byte != 0x7F) {
            assert_eq!(encode(decode(byte)), byte);
        }
    }

    #[test]
    fn every_sample_comes_back_within_half_a_step() {
        for sample in -32635..=32635_i16 {
            let error = (i32::from(sample) - i32::from(decode(encode(sample)))).abs();
            let step = 8 << (8 - (sample.unsigned_abs() + BIAS).leading_zeros());
            assert!(error <= step / 2, "{sample}: off by {error}, step {step}");
        }
    }
}
