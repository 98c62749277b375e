//! Tests of two proportions that add up all looks of an arm, whatever the split was in each.

use crate::rule::{Arm, Rule, Seen};

/// Of the normal distribution at 99 %.
const Z: f64 = 2.326_347_874;
/// As ours, so that the forms of the tests are compared and not their levels.
const ALPHA: f64 = 0.01;
/// The sample size at which the sequential interval is narrowest.
const TUNING: f64 = 5000.0;

struct Pooled {
    canary: Arm,
    baseline: Arm,
    differ: fn(&Arm, &Arm) -> bool,
}

/// Looked at as if every look were the only one.
pub fn z_test() -> Box<dyn Rule> {
    start(|canary, baseline| {
        let requests = (canary.requests + baseline.requests) as f64;
        let together = (canary.failures + baseline.failures) as f64 / requests;
        let inverse = 1.0 / canary.requests as f64 + 1.0 / baseline.requests as f64;
        difference(canary, baseline) > Z * (together * (1.0 - together) * inverse).sqrt()
    })
}

/// The asymptotic confidence sequence of a difference of means, one-sided.
pub fn sequential_interval() -> Box<dyn Rule> {
    start(|canary, baseline| {
        let n = (canary.requests + baseline.requests) as f64;
        let of_mean = variance(canary) / canary.requests as f64
            + variance(baseline) / baseline.requests as f64;
        // One-sided at alpha is one side of the two-sided one at twice alpha.
        let double = 2.0 * ALPHA;
        let log = -2.0 * libm::log(double);
        let rho2 = (log + libm::log(log + 1.0)) / TUNING;
        let wide = n * rho2 + 1.0;
        let half =
            (of_mean * n * 2.0 * wide / (n * n * rho2) * libm::log(wide.sqrt() / double)).sqrt();
        difference(canary, baseline) > half && half > 0.0
    })
}

fn start(differ: fn(&Arm, &Arm) -> bool) -> Box<dyn Rule> {
    Box::new(Pooled { canary: Arm::default(), baseline: Arm::default(), differ })
}

impl Rule for Pooled {
    fn reverts(&mut self, seen: &Seen) -> bool {
        if seen.share >= 1.0 {
            return false;
        }
        self.canary.add(&seen.canary);
        self.baseline.add(&seen.baseline);
        let both = self.canary.requests > 0 && self.baseline.requests > 0;
        both && (self.differ)(&self.canary, &self.baseline)
    }
}

fn difference(canary: &Arm, baseline: &Arm) -> f64 {
    canary.rate().unwrap_or_default() - baseline.rate().unwrap_or_default()
}

fn variance(arm: &Arm) -> f64 {
    let rate = arm.rate().unwrap_or_default();
    rate * (1.0 - rate)
}
