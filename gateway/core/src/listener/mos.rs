//! How good it sounds, as one number: an estimate from delay and loss.

use std::time::Duration;

/// R of a telephone voice with nothing wrong on the way: the default of ITU-T G.107, table 3.
const BEST: f64 = 93.2;
/// How well concealment hides lost packets, `Bpl`: G.113, appendix I, for G.711 with concealment and losses at
/// random. It lists no Opus; a browser's concealment of our Opus is of that kind.
const ROBUSTNESS: f64 = 25.1;

/// An estimate of the mean opinion score, 1 (bad) to 4.41 (as good as a telephone sounds), of a voice that is
/// heard `delay` after it was spoken and of whose packets the part `loss` (0 to 1) is missing.
///
/// The E-model of ITU-T G.107 with all but these two at their defaults: the delay costs what R. G. Cole and J. H.
/// Rosenbluth fitted to it ("Voice over IP Performance Monitoring", 2001), the loss what G.107, 7.5 says for
/// losses at random. The codec costs nothing: what we encode is a telephone's voice, and Opus at our rate adds
/// no impairment to G.711 that anybody has tabled.
pub fn mos(delay: Duration, loss: f64) -> f64 {
    let milliseconds = delay.as_secs_f64() * 1000.0;
    // From here on it hurts that two people speak at the same time.
    let late = (milliseconds - 177.3).max(0.0);
    let of_delay = 0.024 * milliseconds + 0.11 * late;
    // A share that is no number is taken for a whole loss, not for none.
    let percent = if loss.is_nan() { 100.0 } else { 100.0 * loss.clamp(0.0, 1.0) };
    let of_loss = 95.0 * percent / (percent + ROBUSTNESS);
    score(BEST - of_delay - of_loss)
}

/// From R to MOS (G.107, annex B).
fn score(r: f64) -> f64 {
    let r = r.clamp(0.0, 100.0);
    // A little above 0 the polynomial falls below 1.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64, loss: f64) -> f64 {
        mos(Duration::from_millis(milliseconds), loss)
    }

    #[test]
    fn r_becomes_the_score_of_g_107() {
        // Table B.1 of G.107: what each R means.
        for (r, expected) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((score(r) - expected).abs() < 0.01, "{r}: {}", score(r));
        }
        assert_eq!((score(-5.0), score(0.0), score(3.0)), (1.0, 1.0, 1.0));
        assert_eq!((score(100.0), score(1e9)), (4.5, 4.5));
    }

    #[test]
    fn delay_and_loss_cost_what_they_should() {
        let table = [
            (0, 0.0, 4.41),   // the best there is
            (100, 0.0, 4.36), // nobody notices
            (300, 0.0, 3.71), // they begin to talk at the same time
            (20, 0.01, 4.32),
            (20, 0.05, 3.90),
            (20, 0.2, 2.61),
        ];
        for (delay, loss, expected) in table {
            assert!((at(delay, loss) - expected).abs() < 0.01, "{delay} ms, {loss}: {}", at(delay, loss));
        }
    }

    #[test]
    fn more_of_either_is_never_better_and_nothing_leaves_the_scale() {
        let losses = [0.0, 0.001, 0.01, 0.1, 0.5, 1.0];
        let delays = [0, 1, 100, 177, 178, 400, 1000, 100_000];
        for pair in losses.windows(2) {
            delays.iter().for_each(|delay| assert!(at(*delay, pair[0]) >= at(*delay, pair[1])));
        }
        for pair in delays.windows(2) {
            losses.iter().for_each(|loss| assert!(at(pair[0], *loss) >= at(pair[1], *loss)));
        }
        for loss in [-1.0, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert!((1.0..=4.5).contains(&at(50, loss)), "{loss}");
        }
        assert!(at(0, f64::NAN) < 2.0);
    }
}
