//! Requests and failures of both arms: the increments of one look, or a sum of looks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Above this an integer no longer fits a float exactly; no counter of ours gets there honestly.
pub(super) const MOST: u64 = 1 << 53;

/// What was counted in both arms over the same interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub canary_requests: u64,
    pub canary_failures: u64,
    pub baseline_requests: u64,
    pub baseline_failures: u64,
}

/// Requests that reached either arm, whatever became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    pub canary: u64,
    pub baseline: u64,
}

/// Counts and the monotonic time they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub counts: Counts,
    pub lasting: Duration,
}

impl Counts {
    /// Share of the canary's requests that failed, 0 to 1; `None` without requests.
    pub fn canary_rate(&self) -> Option<f64> {
        share(self.canary_failures, self.canary_requests)
    }

    /// Share of the baseline's requests that failed, 0 to 1; `None` without requests.
    pub fn baseline_rate(&self) -> Option<f64> {
        share(self.baseline_failures, self.baseline_requests)
    }

    /// How many times as often the canary fails; `None` without requests in an arm or failures in the baseline.
    pub fn ratio(&self) -> Option<f64> {
        let baseline = self.baseline_rate().filter(|&rate| rate > 0.0)?;
        self.canary_rate().map(|canary| canary / baseline)
    }

    pub fn is_empty(&self) -> bool {
        self.requests().is_empty()
    }

    pub fn requests(&self) -> Requests {
        Requests { canary: self.canary_requests, baseline: self.baseline_requests }
    }

    /// What cannot be: more failures than requests, or more requests than anybody served.
    pub(super) fn is_senseless(&self) -> bool {
        self.canary_failures > self.canary_requests
            || self.baseline_failures > self.baseline_requests
            || self.requests().is_senseless()
    }

    pub(super) fn add(&mut self, more: &Self) {
        let add = |sum: &mut u64, n: u64| *sum = sum.saturating_add(n);
        add(&mut self.canary_requests, more.canary_requests);
        add(&mut self.canary_failures, more.canary_failures);
        add(&mut self.baseline_requests, more.baseline_requests);
        add(&mut self.baseline_failures, more.baseline_failures);
    }
}

impl Requests {
    pub fn is_empty(&self) -> bool {
        self.canary == 0 && self.baseline == 0
    }

    pub(super) fn is_senseless(&self) -> bool {
        self.canary > MOST || self.baseline > MOST
    }
}

impl Tally {
    pub(super) fn add(&mut self, counts: &Counts, lasting: Duration) {
        self.counts.add(counts);
        self.lasting = self.lasting.saturating_add(lasting);
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
