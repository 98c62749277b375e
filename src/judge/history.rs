//! A canary without a concurrent control: what it may fail is bounded by what the baseline failed before.
//!
//! It assumes that today is like the time before, which a concurrent control does not; a verdict of this kind says so.

use libm::{exp, lgamma, log};

use super::Tolerance;
use super::dispersion::Baseline;
use super::normal::log_cdf;

/// Room for a day that is a little worse than its history.
const ROOM: f64 = 1.25;
/// Above so many events the exact bound takes long, and the approximation is as good.
const MANY: f64 = 1e5;
/// Terms after which a sum or fraction has long settled.
const TERMS: u32 = 100_000;
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

/// The greatest Poisson mean under which at most `events` come with probability `alpha` or more: the one-sided bound
/// of Garwood (1936), solved by halving.
pub(super) fn upper_bound(events: f64, alpha: f64) -> f64 {
    if events > MANY {
        return many(events, alpha);
    }
    // P(N <= k | mean) is the regularised upper incomplete gamma function Q(k + 1, mean).
    let too_few = |mean: f64| upper_gamma(events + 1.0, mean);
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
    let root = 1.0 - 1.0 / (9.0 * k) + upper_deviate(alpha) / (3.0 * k.sqrt());
    k * root * root * root
}

/// Above which a standard normal variable is with probability `alpha`, by halving.
fn upper_deviate(alpha: f64) -> f64 {
    let (mut low, mut high) = (-FARTHEST, FARTHEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if log_cdf(-middle) > log(alpha) { low = middle } else { high = middle }
    }
    high
}

/// The regularised upper incomplete gamma function, `a` at least 1. Of `libm` alone: the bound is part of the evidence,
/// whose bits are the same on every machine.
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let height = exp(a * log(x) - x - lgamma(a));
    if x < a + 1.0 { 1.0 - height * lower_series(a, x) } else { height * upper_fraction(a, x) }
}

/// `1/a + x/(a(a + 1)) + x^2/(a(a + 1)(a + 2)) + ...`
fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for n in 1..TERMS {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

/// Legendre's fraction `1/(x + 1 - a - (1 - a)/(x + 3 - a - 2(2 - a)/(x + 5 - a - ...)))`, from the front: each turn
/// multiplies by the ratio of neighbouring numerators and denominators (Lentz).
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut whole = x + 1.0 - a;
    let (mut numerators, mut denominators) = (f64::INFINITY, 1.0 / whole);
    let mut fraction = denominators;
    for n in 1..TERMS {
        let part = f64::from(n) * (a - f64::from(n));
        whole += 2.0;
        denominators = 1.0 / (whole + part * denominators);
        numerators = whole + part / numerators;
        let turn = numerators * denominators;
        fraction *= turn;
        if (turn - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
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

    #[test]
    fn deviates_are_those_of_the_tables() {
        let rows = [(0.5, 0.0), (0.025, 1.959_963_984_540_054), (0.005, 2.575_829_303_548_901)];
        for (alpha, expect) in rows {
            assert!((upper_deviate(alpha) - expect).abs() < 1e-12, "{alpha}");
        }
    }
}
