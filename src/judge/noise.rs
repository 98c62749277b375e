//! How long the noise of a series lasts, as the series itself tells.
//!
//! Owns: lag-1 correlation of a series around its mean, and what means of blocks of it still share.
//! Does not: whiten anything; so short a series tells too little for that (`gauge` asks a history).

use serde::{Deserialize, Serialize};

/// No series is believed to be nearer to a random walk, of which any two blocks are the same.
const MOST: f64 = 0.99;

/// Welford's sums of a series, and the sum of its squared steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    count: f64,
    mean: f64,
    squares: f64,
    last: f64,
    steps: f64,
}

impl Series {
    pub fn take(&mut self, value: f64) {
        if self.count > 0.0 {
            self.steps += (value - self.last) * (value - self.last);
        }
        self.last = value;
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        self.squares += apart * (value - self.mean);
    }

    /// By how much the variance of the mean of many blocks exceeds that of independent ones, at least 1: for `r` the
    /// correlation of neighbouring blocks `(1 + r)/(1 - r)`. `blocks` is how many the series so far made.
    pub fn shared(&self, blocks: f64) -> f64 {
        let correlation = self.correlation();
        let length = (self.count / blocks).max(1.0);
        let gone = 1.0 - libm::pow(correlation, length);
        // Of the values of two neighbouring blocks, and of one with itself, each added up and times (1 - a)^2.
        let between = correlation * gone * gone;
        let within = length * (1.0 - correlation * correlation) - 2.0 * correlation * gone;
        let shared = if within > 0.0 { (between / within).clamp(0.0, MOST) } else { 0.0 };
        (1.0 + shared) / (1.0 - shared)
    }

    /// A series around its own mean seems to forget sooner than it does: by `(1 + 3a)/n` (Kendall).
    fn correlation(&self) -> f64 {
        if self.squares <= 0.0 {
            return 0.0;
        }
        let seen = (1.0 - self.steps / self.squares / 2.0).clamp(0.0, 1.0);
        (seen + (1.0 + 3.0 * seen) / self.count).min(MOST)
    }
}
