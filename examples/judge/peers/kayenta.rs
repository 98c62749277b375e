//! Kayenta: one value per arm and look, compared by Mann-Whitney's confidence interval of the shift.

use crate::rule::{Rule, Seen};

/// Of the normal distribution at 99 %: a two-sided interval of 98 %.
const Z: f64 = 2.326_347_874;
/// Of the estimated shift: the interval must be beyond it.
const TOLERANCE: f64 = 0.25;
/// Looks before the growing form is judged for the first time: one step's.
const FEWEST: usize = 10;

/// The values of both arms that are compared together.
#[derive(Default)]
pub struct Samples {
    canary: Vec<f64>,
    baseline: Vec<f64>,
}

impl Samples {
    /// A look without requests gives no value.
    pub fn push(&mut self, canary: Option<f64>, baseline: Option<f64>) {
        self.canary.extend(canary);
        self.baseline.extend(baseline);
    }

    pub fn clear(&mut self) {
        self.canary.clear();
        self.baseline.clear();
    }

    /// Whether the canary's values are higher beyond doubt. All differences equal to zero pass, and so does no data.
    pub fn are_high(&self) -> bool {
        let mut shifts: Vec<f64> =
            self.canary.iter().flat_map(|c| self.baseline.iter().map(move |b| c - b)).collect();
        let (n, m) = (self.canary.len() as f64, self.baseline.len() as f64);
        let below = n * m / 2.0 - Z * (n * m * (n + m + 1.0) / 12.0).sqrt();
        if shifts.is_empty() || below < 0.0 {
            return false;
        }
        let middle = shifts.len() / 2;
        let (_, &mut estimate, _) = shifts.select_nth_unstable_by(middle, f64::total_cmp);
        let (_, &mut lower, _) = shifts.select_nth_unstable_by(below as usize, f64::total_cmp);
        lower > TOLERANCE * estimate.abs()
    }
}

struct Kayenta {
    samples: Samples,
    growing: bool,
}

pub fn per_step() -> Box<dyn Rule> {
    Box::new(Kayenta { samples: Samples::default(), growing: false })
}

pub fn growing() -> Box<dyn Rule> {
    Box::new(Kayenta { samples: Samples::default(), growing: true })
}

impl Rule for Kayenta {
    fn reverts(&mut self, seen: &Seen) -> bool {
        if seen.share >= 1.0 {
            return false;
        }
        self.samples.push(seen.canary.rate(), seen.baseline.rate());
        if self.growing {
            return self.samples.baseline.len() >= FEWEST && self.samples.are_high();
        }
        let high = seen.ends_step && self.samples.are_high();
        if seen.ends_step {
            self.samples.clear();
        }
        high
    }
}
