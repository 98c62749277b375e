//! What a step can see at a stated traffic.

use std::time::Duration;

use crate::domain::Weight;
use crate::judge::Tolerance;

use super::model::Traffic;

/// How long a fault goes unseen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Canary requests until the evidence crosses its limit, on average.
    pub requests: u64,
    pub takes: Duration,
}

/// How long a canary failing `worse` times as often as usual is not told from a healthy one at `weight`.
/// `None` when the tolerance allows as much, or no traffic could tell within ten years.
pub(super) fn sight(
    weight: Weight,
    traffic: Traffic,
    tolerance: Tolerance,
    worse: f64,
) -> Option<Sight> {
    let needed = canary_requests(weight.fraction(), traffic.failures, tolerance, worse)?;
    let seconds = needed / (weight.fraction() * traffic.requests_per_second);
    let takes = Duration::try_from_secs_f64(seconds).ok()?;
    let ten_years = Duration::from_secs(10 * 366 * 86_400);
    (takes < ten_years).then_some(Sight { requests: needed.ceil() as u64, takes })
}

/// `n_c = 1.1 phi (ln(1/alpha) + 1.9) / I` at alpha 1 % and phi 1, with
/// `I = (w k(worse p | lc0) + (1-w) k(p | lb0)) / w` and `k(a|b) = a ln(a/b) - (a-b)`; `lc0`, `lb0` is the
/// point of the tolerance's line nearest to the fault. To be replaced by the judge's planning figures.
fn canary_requests(w: f64, base: f64, tolerance: Tolerance, worse: f64) -> Option<f64> {
    let canary = (worse * base).min(1.0);
    if base <= 0.0 || w <= 0.0 || w >= 1.0 || canary <= tolerance.ratio * base + tolerance.delta {
        return None;
    }
    let (lc0, lb0) = nearest_null(w, base, canary, tolerance);
    let k = |a: f64, b: f64| a * (a / b).ln() - (a - b);
    let information = (w * k(canary, lc0) + (1.0 - w) * k(base, lb0)) / w;
    let needed = 1.1 * (100_f64.ln() + 1.9) / information;
    needed.is_finite().then_some(needed)
}

/// The rates of canary and baseline on the line `lc = ratio lb + delta` that explain the fault best.
fn nearest_null(
    w: f64,
    base: f64,
    canary: f64,
    Tolerance { ratio, delta }: Tolerance,
) -> (f64, f64) {
    let (nc, nb) = (w, 1.0 - w);
    let lb0 = if delta == 0.0 {
        (nc * canary + nb * base) / (nc * ratio + nb)
    } else {
        let a = ratio * (nc * ratio + nb);
        let b = nc * ratio * (delta - canary) + nb * (delta - ratio * base);
        let c = -nb * base * delta;
        let sign = if b < 0.0 { -1.0 } else { 1.0 };
        let q = -(b + sign * (b * b - 4.0 * a * c).sqrt()) / 2.0;
        if b >= 0.0 { c / q } else { q / a }
    };
    (ratio * lb0 + delta, lb0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// statistics.md §8: canary requests at a 1 % step, tolerance 1.0.
    #[test]
    fn figures_are_the_published_ones() {
        let strict = Tolerance { ratio: 1.0, delta: 0.0 };
        let rows = [
            (0.001, 1.5, 66_907.0),
            (0.001, 2.0, 18_766.0),
            (0.001, 5.0, 1_803.0),
            (0.001, 20.0, 182.0),
            (0.01, 2.0, 1_877.0),
        ];
        for (base, worse, expect) in rows {
            let got = canary_requests(0.01, base, strict, worse).unwrap_or(f64::NAN);
            assert!((got / expect - 1.0).abs() < 0.12, "{base} x{worse}: {got}, not {expect}");
        }
    }

    #[test]
    fn a_line_with_both_parts_lies_between_its_parts() {
        let at = |ratio, delta| canary_requests(0.1, 0.01, Tolerance { ratio, delta }, 2.0);
        let (ratio, both) = (at(1.1, 0.0), at(1.1, 0.002));
        assert!(ratio < both, "{ratio:?} {both:?}");
        assert_eq!(at(2.0, 0.0), None, "a doubling is tolerated");
    }
}
