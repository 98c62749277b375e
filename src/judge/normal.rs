//! The one-sided normal mixture: evidence that sums of shifts, each with known information, lean to one side.
//!
//! Owns: the logarithm of the normal distribution function, the mixture, and bets on it that begin anew.
//! Does not: know what is measured; `values` and `gauge` bring shifts and their information.
//!
//! With `S` the sum of `d/v` and `V` the sum of `1/v` over looks whose differences `d` have a mean of at most 0 and a
//! variance of `v`, `exp(l S - l^2 V/2)` is a supermartingale for every `l >= 0`. Its mean over a half-normal `l` is
//! `2 sqrt(r/(V+r)) exp(S^2/(2(V+r))) Phi(S/sqrt(V+r))` (Robbins).

use libm::{erfc, exp, log, log1p};
use serde::{Deserialize, Serialize};

use super::mixture::log_sum;

/// Below this the tail is a continued fraction, above it comes from `erfc`; both are good to some 1e-15 here.
const TAIL: f64 = -6.0;
/// Terms of the fraction: at the edge of the tail the twentieth changes nothing any more.
const TERMS: u32 = 24;
/// ln(2 pi) / 2.
const LOG_ROOT_TAU: f64 = 0.918_938_533_204_672_8;
/// Beyond this a square leaves the floats. No sum of ours gets there honestly.
const FARTHEST: f64 = 1e150;
/// The stake of the first bet; the others share the rest.
const FIRST: f64 = 0.7;
/// A bet that lost this much, in nats, is given up for a new one.
const LOST: f64 = 3.0;

/// `ln Phi(x)`: within 1e-14 relative as far as it is a normal float, and finite for all but NaN.
pub(super) fn log_cdf(x: f64) -> f64 {
    let x = x.clamp(-FARTHEST, FARTHEST);
    if x <= TAIL {
        return log_scaled_tail(-x) - x * x / 2.0;
    }
    let outside = erfc(x.abs() / std::f64::consts::SQRT_2) / 2.0;
    if x < 0.0 { log(outside) } else { log1p(-outside) }
}

/// `ln Phi(x) + x^2/2`, in the tail without the difference of two big numbers.
fn log_scaled_cdf(x: f64) -> f64 {
    let x = x.clamp(-FARTHEST, FARTHEST);
    if x <= TAIL { log_scaled_tail(-x) } else { log_cdf(x) + x * x / 2.0 }
}

/// `ln(Phi(-x) exp(x^2/2))` by Laplace's fraction `1/(x + 1/(x + 2/(x + ...)))`, from the inside out.
fn log_scaled_tail(x: f64) -> f64 {
    let fraction = (1..=TERMS).rev().fold(x, |inner, term| x + f64::from(term) / inner);
    -log(fraction) - LOG_ROOT_TAU
}

/// The mixture's `r` for which evidence of `1/alpha` is reached soonest near the information `aim`.
pub(super) fn tuning(aim: f64, alpha: f64) -> f64 {
    // From one half on there is nothing to tune for.
    let nats = log(1.0 / (2.0 * alpha)).max(0.1);
    aim / (2.0 * nats + log1p(2.0 * nats))
}

/// Sums of shifts and of their information, and the spread of the mixture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Shifts {
    sum: f64,
    information: f64,
    tuning: f64,
}

impl Shifts {
    /// Before the first; `tuning` is above 0.
    pub fn new(tuning: f64) -> Self {
        Self { sum: 0.0, information: 0.0, tuning }
    }

    /// A difference whose variance is 1 over its information.
    pub fn add(&mut self, difference: f64, information: f64) {
        self.sum += difference * information;
        self.information += information;
    }

    /// Natural logarithm of the evidence that differences are above 0 in the mean; 0 at the start.
    pub fn log_evidence(&self) -> f64 {
        self.log_height() + log_scaled_cdf(self.sum / self.spread())
    }

    /// How many times the information so far is still missing for the evidence `aim`, if differences are `shift` in the
    /// mean from here on; above a billion nobody waits: infinite.
    pub fn missing(&self, shift: f64, aim: f64) -> f64 {
        let after = |times: f64| {
            let more = self.information * times;
            let mut later = *self;
            later.add(shift, more);
            later.log_evidence()
        };
        let (mut low, mut high) = (1e-3, 1e9);
        if !(self.information > 0.0 && after(high) >= aim) {
            return f64::INFINITY;
        }
        for _ in 0..40 {
            let middle = (low * high).sqrt();
            if after(middle) < aim { low = middle } else { high = middle }
        }
        high
    }

    /// Lowers the sum until the evidence is at most `cap` (and hardly below). Every part of the mixture only loses by
    /// that, so the guarantee stands, and what is capped recovers soon.
    pub fn cap(&mut self, cap: f64) {
        let squares = 2.0 * (cap - self.log_height());
        self.sum = self.sum.min(self.spread() * squares.max(0.0).sqrt());
    }

    /// `ln(4r/(V+r))/2`.
    fn log_height(&self) -> f64 {
        0.5 * (log(4.0 * self.tuning) - log(self.information + self.tuning))
    }

    fn spread(&self) -> f64 {
        (self.information + self.tuning).sqrt()
    }
}

/// Mixtures one after the other, each with a stake of its own.
///
/// A mixture that saw a long good time must win all of that back before it speaks of harm. So one that lost most of its
/// stake is given up, and the next begins with an empty memory. Stakes sum to 1: the wealth is a mean of e-processes
/// that begin at stopping times, hence one itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Bets {
    /// `None` before the first shift.
    running: Option<Shifts>,
    given_up: u32,
    /// What is left of the bets given up.
    left: f64,
}

impl Bets {
    /// The tuning of the first call stays: a prior is chosen before the data.
    pub fn add(&mut self, difference: f64, information: f64, tuning: f64) {
        let mut shifts = self.running.unwrap_or_else(|| Shifts::new(tuning));
        shifts.add(difference, information);
        let log_evidence = shifts.log_evidence();
        if log_evidence < -LOST && self.given_up < u32::MAX {
            self.left += self.stake() * exp(log_evidence);
            self.given_up += 1;
            shifts = Shifts::new(shifts.tuning);
        }
        self.running = Some(shifts);
    }

    /// Natural logarithm of the wealth; 0 at the start.
    pub fn log_evidence(&self) -> f64 {
        let Some(running) = &self.running else {
            return 0.0;
        };
        let idle = self.left + self.unspent();
        log_sum(&[log(idle), log(self.stake()) + running.log_evidence()])
    }

    /// 0.7, then 0.3/(1 * 2), 0.3/(2 * 3), ...: the sum of all is 1.
    fn stake(&self) -> f64 {
        match self.given_up {
            0 => FIRST,
            n => (1.0 - FIRST) / (f64::from(n) * (f64::from(n) + 1.0)),
        }
    }

    /// The stakes still to come.
    fn unspent(&self) -> f64 {
        (1.0 - FIRST) / (f64::from(self.given_up) + 1.0)
    }
}
