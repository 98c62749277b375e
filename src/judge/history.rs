//! A canary without a concurrent control: what it may fail is bounded by what the baseline failed before.
//!
//! It assumes that today is like the time before, which a concurrent control does not; a verdict of this kind says so.

use libm::{floor, log10, pow, round};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::gamma_ur;

use super::Tolerance;
use super::dispersion::Baseline;

/// Room for a day that is a little worse than its history.
const ROOM: f64 = 1.25;
/// Above so many events the exact bound takes long, and the approximation is as good.
const MANY: f64 = 1e5;
/// Digits of a bound that count. statrs takes its logarithms from the platform, whose last bits differ; the bound is part
/// of the evidence, whose bits are the same everywhere.
const DIGITS: f64 = 9.0;

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
    let most = rounded(upper_bound(clusters, alpha / 2.0)) * baseline.dispersion() / requests;
    (tolerate.ratio * ROOM * most + tolerate.delta).clamp(f64::MIN_POSITIVE, 1.0)
}

/// The greatest Poisson mean under which at most `events` come with probability `alpha` or more: the one-sided bound
/// of Garwood (1936), solved by halving.
pub(super) fn upper_bound(events: f64, alpha: f64) -> f64 {
    if events > MANY {
        return many(events, alpha);
    }
    // P(N <= k | mean) is the regularised upper incomplete gamma function Q(k + 1, mean).
    let too_few = |mean: f64| gamma_ur(events + 1.0, mean);
    let (mut low, mut high) = (events, events + 20.0 + 10.0 * (events + 1.0).sqrt());
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if too_few(middle) > alpha { low = middle } else { high = middle }
    }
    high
}

/// The same by Wilson and Hilferty (1931): the cube root of a gamma variable is nearly normal.
fn many(events: f64, alpha: f64) -> f64 {
    let k = events + 1.0;
    let deviate = Normal::standard().inverse_cdf(1.0 - alpha);
    let root = 1.0 - 1.0 / (9.0 * k) + deviate / (3.0 * k.sqrt());
    k * root * root * root
}

/// To [`DIGITS`]; `bound` is above 0.
fn rounded(bound: f64) -> f64 {
    let unit = pow(10.0, floor(log10(bound)) - (DIGITS - 1.0));
    round(bound / unit) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Row {
        events: f64,
        alpha: f64,
        bound: f64,
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        poisson_upper: Vec<Row>,
    }

    /// Against scipy and statsmodels: `tests/reference/classical.py`.
    #[test]
    fn the_bound_is_garwoods() {
        let text = include_str!("../../tests/reference/classical.json");
        let reference: Reference = serde_json::from_str(text).expect("the reference file");
        assert!(reference.poisson_upper.len() >= 30);
        for Row { events, alpha, bound } in reference.poisson_upper {
            let got = upper_bound(events, alpha);
            assert!((got / bound - 1.0).abs() < 1e-10, "{events}, {alpha}: {got} for {bound}");
        }
    }

    #[test]
    fn many_events_take_no_longer() {
        let exact = upper_bound(MANY, 0.005);
        assert!((many(MANY, 0.005) / exact - 1.0).abs() < 1e-6, "{exact}");
        assert!(upper_bound(9e15, 0.005) < 9.000_001e15);
    }

    /// A bound whose last bits another platform computes otherwise is the same bound.
    #[test]
    fn the_last_bits_of_a_bound_are_nobodys() {
        for bound in [5.298_317_366_548_036, 128.760_580_120_102_45, 9.1e15] {
            assert_eq!(rounded(bound), rounded(bound * (1.0 + 1e-13)));
            assert!((rounded(bound) / bound - 1.0).abs() < 1e-8);
        }
    }
}
