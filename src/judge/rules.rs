//! The constants of one rollout's judging.

use serde::{Deserialize, Serialize};

/// So that some wealth is always dealt anew, however long the plan.
const MOST_LOOKS: f64 = 1e9;

/// Fixed when a rollout starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The chance that a canary within the tolerance is ever called a regression. 0 to 1, exclusive.
    pub alpha: f64,
    /// The chance that a canary at the margin opens a step, at any one look. 0 to 1, exclusive.
    pub beta: f64,
    /// Looks of the whole plan, roughly; at least 1. A guess off by a few times costs little.
    pub planned_looks: f64,
    /// A check with fewer canary failures never reverts.
    pub min_failures: u64,
}

impl Rules {
    /// The shipped error rates, 1 % and 5 %, for a plan of about this many looks.
    pub const fn new(planned_looks: f64) -> Self {
        Self { alpha: 0.01, beta: 0.05, planned_looks, min_failures: 3 }
    }

    /// Of the wealth that is dealt anew at each look, so that a late regression finds cash.
    pub(super) fn share(&self) -> f64 {
        1.0 / self.planned_looks.clamp(1.0, MOST_LOOKS)
    }
}
