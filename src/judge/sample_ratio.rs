//! Whether the arms get the shares of traffic they should.
//!
//! The mixture of `mixture`, with requests as the events and the weight in force as the exposure, in both directions.
//! It is also the test for silence: "about 11 canary requests were due, none came" is evidence, silence at tiny
//! traffic is not.

use libm::log;
use serde::{Deserialize, Serialize};

use super::counts::Requests;
use super::mixture::{Arms, cap, deal, log_ratio_of_multiple, log_sum};
use crate::domain::Weight;

/// Odds off by less than this factor are nobody's fault.
const TOLERATED: f64 = 1.1;
/// The same where users keep their side: a few busy ones make its share of requests another than its share of users.
const TOLERATED_STICKY: f64 = 1.5;
const MULTIPLES: [f64; 5] = [1.2, 1.5, 2.5, 6.0, 30.0];
const CASH: f64 = 0.3;
const SHARE: f64 = 0.005;
/// The chance that a right split is ever called wrong.
const ALPHA: f64 = 0.001;
/// More evidence than this many times the limit is not kept, so that a mended split is believed soon.
const KEPT: f64 = 10.0;

type Wealth = [f64; MULTIPLES.len() + 1];

const PRIOR: Wealth = [CASH, BET, BET, BET, BET, BET];
const BET: f64 = (1.0 - CASH) / MULTIPLES.len() as f64;

/// Evidence that the split users get is not the split in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRatio {
    /// Log wealth for "the canary gets more than its share".
    high: Wealth,
    /// Log wealth for "the canary gets less than its share".
    low: Wealth,
    /// Since the evidence began to rise: what came, and the canary requests that were due.
    since: Requests,
    due: f64,
    /// Since the last canary request: what was due, and what the baseline served.
    awaited: f64,
    served_meanwhile: u64,
}

/// How the split is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wrong {
    /// No canary request in this look, too many missing before, and the baseline goes on.
    Silent { awaited: f64, baseline: u64 },
    /// No baseline request in this look, too many missing before.
    BaselineSilent { canary: u64 },
    /// Shares of the canary, 0 to 1, and the requests they were seen in.
    Off { expected: f64, seen: f64, requests: u64 },
}

impl Default for SampleRatio {
    fn default() -> Self {
        Self {
            high: PRIOR.map(log),
            low: PRIOR.map(log),
            since: Requests::default(),
            due: 0.0,
            awaited: 0.0,
            served_meanwhile: 0,
        }
    }
}

impl SampleRatio {
    /// Takes the requests of one look in; `sticky`: users keep their side. A weight of 0 % or 100 % has one arm and
    /// nothing to compare.
    pub(super) fn update(&mut self, weight: Weight, seen: Requests, sticky: bool) {
        if seen.is_empty() || weight == Weight::ZERO || weight == Weight::FULL {
            return;
        }
        self.count(weight, seen);
        let arms = Arms {
            canary_exposure: weight.fraction(),
            canary_events: seen.canary as f64,
            baseline_exposure: weight.complement().fraction(),
            baseline_events: seen.baseline as f64,
        };
        let tolerated = if sticky { TOLERATED_STICKY } else { TOLERATED };
        bet(&mut self.high, &arms, tolerated);
        bet(&mut self.low, &arms.swapped(), tolerated);
        if self.log_evidence() <= 0.0 {
            (self.since, self.due) = (Requests::default(), 0.0);
        }
    }

    fn count(&mut self, weight: Weight, seen: Requests) {
        let due = weight.fraction() * (seen.canary as f64 + seen.baseline as f64);
        self.since.canary = self.since.canary.saturating_add(seen.canary);
        self.since.baseline = self.since.baseline.saturating_add(seen.baseline);
        self.due += due;
        if seen.canary > 0 {
            (self.awaited, self.served_meanwhile) = (0.0, 0);
        } else {
            self.awaited += due;
            self.served_meanwhile = self.served_meanwhile.saturating_add(seen.baseline);
        }
    }

    /// Natural logarithm of the average evidence of both directions.
    fn log_evidence(&self) -> f64 {
        log_sum(&[log_sum(&self.high), log_sum(&self.low)]) - std::f64::consts::LN_2
    }

    /// What is wrong with the split, as the look `seen` leaves it.
    pub(super) fn wrong(&self, seen: Requests) -> Option<Wrong> {
        if self.log_evidence() < log(1.0 / ALPHA) {
            return None;
        }
        let too_few = log_sum(&self.low) > log_sum(&self.high);
        let requests = self.since.canary.saturating_add(self.since.baseline);
        let all = (self.since.canary as f64 + self.since.baseline as f64).max(1.0);
        Some(match seen {
            Requests { canary: 0, baseline: 1.. } if too_few => {
                Wrong::Silent { awaited: self.awaited, baseline: self.served_meanwhile }
            }
            Requests { canary: 1.., baseline: 0 } if !too_few => {
                Wrong::BaselineSilent { canary: self.since.canary }
            }
            _ => Wrong::Off {
                expected: self.due / all,
                seen: self.since.canary as f64 / all,
                requests,
            },
        })
    }
}

impl Arms {
    fn swapped(&self) -> Self {
        Self {
            canary_exposure: self.baseline_exposure,
            canary_events: self.baseline_events,
            baseline_exposure: self.canary_exposure,
            baseline_events: self.canary_events,
        }
    }
}

fn bet(wealth: &mut Wealth, arms: &Arms, tolerated: f64) {
    deal(wealth, &PRIOR, SHARE);
    for (wealth, multiple) in wealth.iter_mut().skip(1).zip(MULTIPLES) {
        *wealth += log_ratio_of_multiple(arms, multiple, tolerated);
    }
    cap(wealth, log(KEPT * 2.0 / ALPHA));
}
