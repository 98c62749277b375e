//! What a step can see at a stated traffic.

use std::time::Duration;

use crate::domain::Weight;
use crate::judge::Tolerance;
use crate::judge::planning::{LEARNED_DISPERSION, requests_to_detect};

use super::model::Traffic;

/// The shipped one; see [`crate::judge::Rules::new`].
const ALPHA: f64 = 0.01;

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
    let (w, base) = (weight.fraction(), traffic.failures);
    let needed = requests_to_detect(base, w, worse, &tolerance, ALPHA, LEARNED_DISPERSION);
    let seconds = needed / (weight.fraction() * traffic.requests_per_second);
    let takes = Duration::try_from_secs_f64(seconds).ok()?;
    let ten_years = Duration::from_secs(10 * 366 * 86_400);
    (takes < ten_years).then_some(Sight { requests: needed.ceil() as u64, takes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 10 requests/s and 0.1 % failures a 1 % step sees a doubling after two days, and a catastrophe in minutes.
    #[test]
    fn a_thin_step_sees_catastrophes_alone() {
        let traffic = Traffic { requests_per_second: 10.0, failures: 0.001 };
        let strict = Tolerance { ratio: 1.0, delta: 0.0 };
        let at = |worse| sight(Weight::from_ppm(10_000)?, traffic, strict, worse);
        let hours = |worse| at(worse).map(|s| s.takes.as_secs() / 3600);
        assert_eq!(hours(2.0).map(|h| h / 24), Some(2));
        assert_eq!(hours(20.0), Some(0));
        assert!(at(1.0).is_none(), "nothing to see");
    }

    #[test]
    fn what_no_traffic_shows_is_no_figure() {
        let traffic = Traffic { requests_per_second: 0.0, failures: 0.001 };
        let none =
            sight(Weight::from_ppm(10_000).unwrap_or_default(), traffic, Tolerance::default(), 2.0);
        assert!(none.is_none());
    }
}
