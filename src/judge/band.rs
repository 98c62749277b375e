//! How many times as often the canary fails, with the range that the data leave open.
//!
//! A confidence sequence: the likelihood of each ratio on a grid, against the average over the grid. The truth is ever
//! outside with probability at most [`LEVEL`], however often one looks (Robbins, 1970). It is computed from the counts
//! of one weight: given those, how the failures split between the arms does not depend on the base rate.

use std::sync::LazyLock;

use libm::{log, pow};
use serde::{Deserialize, Serialize};

use super::Counts;

/// The chance that the band ever misses the truth.
const LEVEL: f64 = 0.01;
const POINTS: usize = 129;
/// The grid, in powers of two: from 1/16 to 1024.
const FIRST: f64 = -4.0;
const LAST: f64 = 10.0;

static GRID: LazyLock<[f64; POINTS]> = LazyLock::new(|| std::array::from_fn(|j| at(j as f64)));

/// A 99 % range of the ratio of failure rates, canary to baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// `None`: down to 0.
    pub low: Option<f64>,
    /// `None`: without bound, as while the baseline has no failure.
    pub high: Option<f64>,
}

/// `None` before both arms had requests, or any failure came. `dispersion` is what the evidence is divided by.
pub fn band(counts: &Counts, dispersion: f64) -> Option<Band> {
    let never = counts.canary_failures == 0 && counts.baseline_failures == 0;
    let both = counts.canary_requests > 0 && counts.baseline_requests > 0;
    if !both || never || counts.is_senseless() {
        return None;
    }
    let logs = GRID.map(|ratio| log_likelihood(counts, ratio, dispersion));
    let floor = super::mixture::log_sum(&logs) - log(POINTS as f64) + log(LEVEL);
    let first = logs.iter().position(|log| *log >= floor)?;
    let last = logs.iter().rposition(|log| *log >= floor)?;
    let between = |out: usize, inside: usize| {
        let part = (floor - logs[out]) / (logs[inside] - logs[out]);
        at(out as f64 + part * (inside as f64 - out as f64))
    };
    Some(Band {
        low: (first > 0).then(|| between(first - 1, first)),
        high: (last < POINTS - 1).then(|| between(last + 1, last)),
    })
}

fn at(point: f64) -> f64 {
    pow(2.0, FIRST + (LAST - FIRST) * point / (POINTS - 1) as f64)
}

/// Of the failures' split over the arms, given how many there were.
fn log_likelihood(counts: &Counts, ratio: f64, dispersion: f64) -> f64 {
    let canary = counts.canary_requests as f64 * ratio;
    let all = canary + counts.baseline_requests as f64;
    let of_canary = counts.canary_failures as f64 * log(canary / all);
    let of_baseline = counts.baseline_failures as f64 * log(counts.baseline_requests as f64 / all);
    (of_canary + of_baseline) / dispersion
}

impl Band {
    pub fn holds(&self, ratio: f64) -> bool {
        self.low.is_none_or(|low| low <= ratio) && self.high.is_none_or(|high| ratio <= high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ec: u64, nc: u64, eb: u64, nb: u64) -> Option<Band> {
        let (canary_requests, canary_failures) = (nc, ec);
        let (baseline_requests, baseline_failures) = (nb, eb);
        band(
            &Counts { canary_requests, canary_failures, baseline_requests, baseline_failures },
            1.0,
        )
    }

    /// Computed elsewhere, on the points of the grid: 1.3 to 9.3.
    #[test]
    fn the_range_is_as_wide_as_it_was_computed_elsewhere() {
        let band = of(16, 3_900, 98, 95_000).expect("a band");
        let (low, high) = (band.low.expect("bounded"), band.high.expect("bounded"));
        assert!((1.2..1.31).contains(&low) && (9.3..10.1).contains(&high), "{band:?}");
    }

    #[test]
    fn what_says_nothing_has_no_range() {
        assert_eq!(of(0, 100, 0, 100), None);
        assert_eq!(of(0, 0, 5, 100), None);
        assert_eq!(of(5, 100, 0, 0), None);
        assert_eq!(of(u64::MAX, u64::MAX, u64::MAX, u64::MAX), None, "sums of a very long step");
    }

    #[test]
    fn without_a_failure_in_one_arm_the_range_is_open_on_its_side() {
        assert!(of(9, 1_000, 0, 1_000).is_some_and(|b| b.high.is_none() && b.low.is_some()));
        assert!(of(0, 1_000, 30, 1_000).is_some_and(|b| b.low.is_none() && b.high.is_some()));
    }
}
