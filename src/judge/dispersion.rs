//! How much more than chance the baseline's failures vary, and its rate so far.
//!
//! Failures come in clusters (retries, one bad user), which makes every exact test too sure of itself. The baseline
//! alone tells how much: were the canary asked, a failing canary would dilute the evidence against itself.

use serde::{Deserialize, Serialize};

/// Pseudo-comparisons of the prior: without history the evidence is divided by about 1.9 at first.
const PRIOR_SQUARES: f64 = 12.0;
const PRIOR_PAIRS: f64 = 8.0;
/// Pseudo-counts of the rate: half a failure in 500 requests.
const PRIOR_FAILURES: f64 = 0.5;
const PRIOR_REQUESTS: f64 = 500.0;
/// Neighbouring blocks that are compared with each other before a new group begins: the longer, the more a block
/// tells, and the more of a moving base rate is taken for dispersion.
const GROUP_BLOCKS: u32 = 5;
/// Standard errors that the dispersion may be above 1 and still be called chance; in between, to twice as many, it
/// comes in by degrees.
const SLACK: f64 = 1.5;
/// Looks are joined until a block should hold this many failures: pairs of thin looks would hardly ever have two.
const BLOCK_FAILURES: f64 = 1.0;
/// One comparison counts at most this much, so that a single outage does not blind the judge.
const CLIP: f64 = 30.0;
/// Above this dispersion the clip widens with it.
const CLIP_WIDENS: f64 = 2.5;

/// What was learned in an earlier rollout counts as at most so many pairs, and as so many failures.
const KEPT: f64 = 60.0;

/// What the baseline's looks have taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    requests: f64,
    failures: f64,
    squares: f64,
    /// Comparisons: degrees of freedom of the sum of squares.
    pairs: f64,
    /// Requests and failures of the looks being joined to one block.
    filling: (f64, f64),
    /// Requests and failures of the group so far, which waits for its next block.
    waiting: Option<(f64, f64)>,
    /// Blocks in the group.
    #[serde(default)]
    joined: u32,
}

/// The dispersion after `pairs` pairs of blocks of independent failures, whose squares are 1 on average.
pub(super) fn planned_dispersion(pairs: f64) -> f64 {
    divisor(PRIOR_SQUARES + pairs, PRIOR_PAIRS + pairs)
}

/// With half a standard error to the safe side.
///
/// What was seen may differ from 1 by chance, and dividing by that would cost every rollout whose failures are
/// independent: such a little is taken for 1. The prior is no observation and gets no such slack.
fn divisor(squares: f64, pairs: f64) -> f64 {
    let error = (2.0 / pairs).sqrt();
    let safe = squares / pairs * (1.0 + 0.5 * error);
    let slack = SLACK * error * (1.0 - PRIOR_PAIRS / pairs);
    safe.min(1.0 + 2.0 * (safe - 1.0 - slack)).max(1.0)
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            requests: 0.0,
            failures: 0.0,
            squares: PRIOR_SQUARES,
            pairs: PRIOR_PAIRS,
            filling: (0.0, 0.0),
            waiting: None,
            joined: 0,
        }
    }
}

impl Baseline {
    /// A guess of the failure rate; always above 0.
    pub fn rate(&self) -> f64 {
        (PRIOR_FAILURES + self.failures) / (PRIOR_REQUESTS + self.requests)
    }

    /// What a later rollout starts from: the same with the weight of a few looks, so that it follows what has changed.
    pub fn discounted(&self) -> Self {
        let part = |weight: f64| (KEPT / weight.max(KEPT)).min(1.0);
        let (pairs, rate) = (part(self.pairs), part(self.failures));
        Self {
            requests: self.requests * rate,
            failures: self.failures * rate,
            squares: self.squares * pairs,
            pairs: self.pairs * pairs,
            ..Self::default()
        }
    }

    /// Requests and failures seen so far.
    pub(super) fn seen(&self) -> (f64, f64) {
        (self.requests, self.failures)
    }

    /// What the log evidence is divided by; at least 1.
    pub fn dispersion(&self) -> f64 {
        divisor(self.squares, self.pairs)
    }

    /// Takes one look of the baseline in. Nothing to learn from a look without requests or with more failures than them.
    pub(super) fn learn(&mut self, requests: u64, failures: u64) {
        if requests == 0 || failures > requests || requests > super::counts::MOST {
            return;
        }
        let (requests, failures) = (requests as f64, failures as f64);
        let full = (self.filling.0 + requests) * self.rate() >= BLOCK_FAILURES;
        self.filling = (self.filling.0 + requests, self.filling.1 + failures);
        self.requests += requests;
        self.failures += failures;
        if full {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let block = std::mem::take(&mut self.filling);
        let (group, joined) = match self.waiting.take() {
            None => (block, 1),
            // A jump of the base rate is no dispersion: after it a new group begins.
            Some(earlier) if self.compare(earlier, block) => (block, 1),
            Some(earlier) => ((earlier.0 + block.0, earlier.1 + block.1), self.joined + 1),
        };
        let open = joined < GROUP_BLOCKS;
        (self.waiting, self.joined) = if open { (Some(group), joined) } else { (None, 0) };
    }

    /// Pearson's statistic of a block against its group so far, given their sum: a moving base rate hardly enters.
    /// True when the two differ by more than is believed.
    fn compare(&mut self, (n1, e1): (f64, f64), (n2, e2): (f64, f64)) -> bool {
        let both = e1 + e2;
        if both < 2.0 {
            return false;
        }
        let off = e2 * (n1 / n2).sqrt() - e1 * (n2 / n1).sqrt();
        let square = off * off / both;
        let most = CLIP * (self.dispersion() / CLIP_WIDENS).max(1.0);
        self.squares += square.min(most);
        self.pairs += 1.0;
        square >= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(looks: u64, failures: u64) -> Baseline {
        let mut baseline = Baseline::default();
        for look in 0..looks {
            baseline.learn(1000, if look % 2 == 0 { failures } else { failures / 4 });
        }
        baseline
    }

    #[test]
    fn what_an_earlier_rollout_taught_is_kept_and_soon_outweighed() {
        let before = learned(1000, 40);
        let mut kept = before.discounted();
        assert!((kept.dispersion() / before.dispersion() - 1.0).abs() < 0.15, "{kept:?}");
        assert!((kept.rate() / before.rate() - 1.0).abs() < 0.2, "{kept:?}");
        for _ in 0..400 {
            kept.learn(1000, 10);
        }
        assert!(kept.dispersion() < 0.4 * before.dispersion(), "{kept:?}");
        assert!(kept.rate() < 0.011, "{kept:?}");
    }

    #[test]
    fn little_is_kept_as_it_was() {
        let little = learned(2, 4);
        assert_eq!(little.discounted().dispersion(), little.dispersion());
    }
}
