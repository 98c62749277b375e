//! When the harm began: the counts since then are what people are shown.
//!
//! Over a long step that was fine until a minute ago, the totals read 1.5x beside overwhelming evidence. Page's sum of
//! log likelihood ratios, held at 0 from below, is 0 for the last time where the likeliest onset lies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Tally};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    score: f64,
    since: Tally,
}

impl Onset {
    /// `log_ratio` is that of a mild alternative in this look.
    pub(super) fn update(&mut self, log_ratio: f64, counts: &Counts, lasting: Duration) {
        self.score = (self.score + log_ratio).max(0.0);
        if self.score > 0.0 {
            self.since.add(counts, lasting);
        } else {
            self.since = Tally::default();
        }
    }

    /// What was counted since harm seems to have begun; empty while nothing points to it.
    pub fn since(&self) -> &Tally {
        &self.since
    }
}
