//! A canary without a concurrent control: what it may fail is bounded by what the baseline failed before.
//!
//! It assumes that today is like the time before, which a concurrent control does not; a verdict of this kind says so.

use super::Tolerance;
use super::dispersion::Baseline;
use super::normal::log_cdf;

/// Room for a day that is a little worse than its history.
const ROOM: f64 = 1.25;
/// No normal deviate of ours is farther out.
const FARTHEST: f64 = 40.0;

/// The failure rate, 0 to 1, that a canary is held to: the tolerance applied to [`ROOM`] times the upper bound of the
/// baseline's rate. The bound is wrong with probability `alpha / 2` if the failures were a Poisson count; clusters
/// count as one failure each.
pub(super) fn held_to(baseline: &Baseline, tolerate: &Tolerance, alpha: f64) -> f64 {
    let (requests, failures) = baseline.seen();
    if requests <= 0.0 {
        // Nothing is known: everything is allowed, and the limits are left.
        return 1.0;
    }
    let clusters = failures / baseline.dispersion();
    let most = upper_bound(clusters, alpha / 2.0) * baseline.dispersion() / requests;
    (tolerate.ratio * ROOM * most + tolerate.delta).clamp(f64::MIN_POSITIVE, 1.0)
}

/// The greatest Poisson mean under which at most `events` come with probability `alpha` or more (Garwood, 1936), as the
/// cube of a normal variable (Wilson and Hilferty, 1931): a little above it at our `alpha`, by 1.5 % without an event and
/// by nothing with many. Made of `libm` alone: it is part of the evidence, whose bits are the same on every machine.
pub(super) fn upper_bound(events: f64, alpha: f64) -> f64 {
    let k = events + 1.0;
    let root = 1.0 - 1.0 / (9.0 * k) + upper_deviate(alpha) / (3.0 * k.sqrt());
    k * root * root * root
}

/// Above which a standard normal variable is with probability `alpha`, by halving.
fn upper_deviate(alpha: f64) -> f64 {
    let (mut low, mut high) = (-FARTHEST, FARTHEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if log_cdf(-middle) > libm::log(alpha) { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against scipy: `chi2.ppf(1 - alpha, 2 * (k + 1)) / 2`.
    #[test]
    fn the_bound_is_garwoods_and_never_below() {
        let rows = [
            (0.0, 0.005, 5.298_317_366_548_036),
            (0.0, 0.0025, 5.991_464_547_107_982),
            (1.0, 0.005, 7.430_129_500_280_121),
            (10.0, 0.005, 21.397_827_499_654_273),
            (100.0, 0.005, 128.760_580_120_102_45),
        ];
        for (events, alpha, expect) in rows {
            let got = upper_bound(events, alpha);
            assert!((1.0..1.015).contains(&(got / expect)), "{events}: {got} instead of {expect}");
        }
        assert!((upper_bound(9e15, 0.005) / 9e15 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn deviates_are_those_of_the_tables() {
        let rows = [(0.5, 0.0), (0.025, 1.959_963_984_540_054), (0.005, 2.575_829_303_548_901)];
        for (alpha, expect) in rows {
            assert!((upper_deviate(alpha) - expect).abs() < 1e-12, "{alpha}");
        }
    }
}
