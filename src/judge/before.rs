//! What both arms together were like in the hour before the shift.
//!
//! Owns: that hour, in blocks of five minutes, and what it allows now. Does not: say what is harm (`shared`).
//! The spread between the blocks is the drift of an ordinary hour, that between neighbouring looks its clusters: what
//! judges the time after the shift is slowed by the greater of both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dispersion::Baseline;
use super::history;
use super::verdict::What;

/// A block of the hour.
const BLOCK: Duration = Duration::from_secs(5 * 60);
/// Blocks that are kept: an hour.
const BLOCKS: usize = 12;
/// Less than this much time teaches nothing: one block shows no drift, and half a block not even a rate.
const LEAST: Duration = BLOCK;
/// The rate before is taken at its upper bound, wrong with this probability: few failures in the hour allow more now.
const BOUND: f64 = 0.05;
/// Pseudo-blocks of the prior, those of a baseline without history: a single block slows evidence by about 1.9.
const PRIOR_SQUARES: f64 = 12.0;
const PRIOR_PAIRS: f64 = 8.0;

/// Requests and how many of them failed, or readings and their sum; and the time they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// Requests, events or readings.
    pub of: f64,
    /// Failures, or the sum of what was read.
    pub sum: f64,
    pub lasting: Duration,
}

impl Amount {
    /// A share of failures or a mean; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.of > 0.0).then(|| self.sum / self.of)
    }

    pub(super) fn add(&mut self, more: &Self) {
        // Levels near the end of all floats must not become infinite: that could not be stored.
        let add = |a: f64, b: f64| (a + b).clamp(-f64::MAX, f64::MAX);
        self.of = add(self.of, more.of);
        self.sum = add(self.sum, more.sum);
        self.lasting = self.lasting.saturating_add(more.lasting);
    }
}

/// The last hour so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hour {
    /// Oldest first.
    blocks: Vec<Amount>,
    filling: Amount,
    /// Of counts: twelve blocks alone may miss large clusters.
    looks: Baseline,
}

/// The hour as it stood when the canary was first looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Before {
    pub seen: Amount,
    /// What the rate or level before surely was not above: an upper bound of a rate, a mean and the spread of its
    /// blocks of a level.
    pub most: f64,
    /// How much more than chance its blocks or looks varied; at least 1, and 1 for levels.
    pub dispersion: f64,
}

impl Hour {
    /// Takes one look in, oldest first.
    pub(super) fn learn(&mut self, look: &Amount) {
        if look.of <= 0.0 || look.lasting.is_zero() {
            return;
        }
        self.looks.learn(look.of as u64, look.sum.max(0.0) as u64);
        self.filling.add(look);
        if self.filling.lasting < BLOCK {
            return;
        }
        if self.blocks.len() >= BLOCKS {
            self.blocks.remove(0);
        }
        self.blocks.push(std::mem::take(&mut self.filling));
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.blocks.len() * size_of::<Amount>()
    }

    /// `None` where too little was seen, or a level was not above 0: nothing can be a multiple of that.
    pub(super) fn before(mut self, what: What) -> Option<Before> {
        if self.filling.of > 0.0 {
            self.blocks.push(self.filling);
        }
        let mut seen = Amount::default();
        self.blocks.iter().for_each(|block| seen.add(block));
        let mean = seen.mean().filter(|_| seen.lasting >= LEAST)?;
        let (most, dispersion) = match what {
            What::Mean | What::Level => (mean + self.spread(), 1.0),
            What::Failed | What::FailedUsers | What::SlowerThan(_) => {
                let dispersion = self.dispersion(mean).max(self.looks.dispersion());
                let clusters = history::upper_bound(seen.sum / dispersion, BOUND);
                (clusters * dispersion / seen.of, dispersion)
            }
        };
        let usable = mean >= 0.0 && most > 0.0 && most.is_finite();
        usable.then_some(Before { seen, most, dispersion })
    }

    /// Pearson's statistic of the blocks against their common rate, with half a standard error to the safe side.
    fn dispersion(&self, rate: f64) -> f64 {
        let square = |block: &Amount| {
            let due = block.of * rate;
            if due > 0.0 { (block.sum - due) * (block.sum - due) / due } else { 0.0 }
        };
        let squares: f64 = PRIOR_SQUARES + self.blocks.iter().map(square).sum::<f64>();
        let pairs = PRIOR_PAIRS + (self.blocks.len() as f64 - 1.0).max(0.0);
        (squares / pairs * (1.0 + 0.5 * (2.0 / pairs).sqrt())).max(1.0)
    }

    /// Standard deviation of the blocks' means; 0 of one block.
    fn spread(&self) -> f64 {
        let means: Vec<f64> = self.blocks.iter().filter_map(Amount::mean).collect();
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = means.iter().map(|m| (m - mean) * (m - mean)).sum();
        (squares / (count - 1.0).max(1.0)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(blocks: &[(f64, f64)]) -> Option<Before> {
        let mut hour = Hour::default();
        for (of, sum) in blocks {
            hour.learn(&Amount { of: *of, sum: *sum, lasting: BLOCK });
        }
        hour.before(What::Failed)
    }

    #[test]
    fn the_last_hour_alone_counts() {
        let mut blocks = vec![(1000.0, 900.0); 5];
        blocks.extend([(1000.0, 10.0); 12]);
        let before = hour(&blocks).expect("known");
        assert_eq!((before.seen.of, before.seen.sum), (12_000.0, 120.0));
        assert_eq!(before.seen.lasting, Duration::from_secs(3600));
    }

    #[test]
    fn little_time_teaches_nothing() {
        let mut few = Hour::default();
        few.learn(&Amount { of: 1e6, sum: 1e3, lasting: Duration::from_secs(299) });
        assert_eq!(few.before(What::Failed), None);
        assert_eq!(hour(&[]), None);
    }

    #[test]
    fn few_failures_before_allow_more_now() {
        let rows = [(0.0, 6.0), (3.0, 3.0), (300.0, 1.2), (30_000.0, 1.02)];
        for (failures, at_most) in rows {
            let before = hour(&[(1e6, failures); 12]).expect("known");
            let mean = (failures / 1e6_f64).max(1.0 / 12e6);
            assert!(before.most > mean && before.most < mean * at_most, "{failures}: {before:?}");
        }
    }

    #[test]
    fn drift_within_the_hour_slows_what_judges_after_it() {
        let even = hour(&[(30_000.0, 300.0); 12]).expect("known").dispersion;
        let drifting: Vec<_> = (0..12).map(|i| (30_000.0, 240.0 + 10.0 * f64::from(i))).collect();
        let drifting = hour(&drifting).expect("known").dispersion;
        assert!(even < 1.2 && drifting > 2.0 * even, "{even}, {drifting}");
    }

    #[test]
    fn a_level_is_known_with_its_spread_and_only_above_zero() {
        let level = |values: [f64; 2]| {
            let mut hour = Hour::default();
            values.iter().for_each(|v| hour.learn(&Amount { of: 1.0, sum: *v, lasting: BLOCK }));
            hour.before(What::Level).map(|before| before.most)
        };
        assert_eq!(level([10.0, 10.0]), Some(10.0));
        assert_eq!(level([8.0, 12.0]), Some(10.0 + 8.0_f64.sqrt()));
        assert_eq!(level([0.0, 0.0]), None);
        assert_eq!(level([-5.0, -5.0]), None);
        assert_eq!(level([f64::MAX, f64::MAX]), None);
    }
}
