//! The evidence of harm: a mixture e-process on the null `canary <= ratio * baseline + delta`.
//!
//! Each look multiplies a wealth per alternative by a likelihood ratio whose null is the projection of the
//! alternative on the null line. For Bernoulli or Poisson counts whose rates obey the null in every look (and may
//! move freely otherwise) the expectation of that factor is at most 1, so the total wealth ever reaching 1/alpha has
//! probability at most alpha, however often one looks (Ville). Everything is kept as logarithms.
//!
//! Why at most 1: with `1 + x <= e^x` for each request, the expectation at rates `p` is at most
//! `exp(sum over arms of n (p - null) (alternative / null - 1))`, and the exponent is at most 0 for every `p` on the
//! harmless side, which is the optimality condition of a projection on a convex set.

use std::sync::LazyLock;

use libm::{exp, log, log1p};
use serde::{Deserialize, Serialize};

use super::Tolerance;

const ALTERNATIVES: usize = 8;
/// Multiples of the null rate that are betted on. Dense around a doubling, the harm that costs most failures to see:
/// milder ones are seldom worth a revert, and far ones show themselves whatever the bet.
const MULTIPLES: [f64; ALTERNATIVES] = [1.12, 1.24, 1.45, 1.75, 2.2, 3.6, 8.0, 22.0];
/// The part of the wealth that bets on nothing: it pays for a regression that starts late.
const CASH: f64 = 0.12;
/// With dispersion, alternatives beyond `exp(FAR + FAR_WIDENS / (dispersion - 1))` are betted on as if they were there.
const FAR: f64 = 1.0;
const FAR_WIDENS: f64 = 2.0;

/// Failures and requests as the formulas take them: exposure may be a weight instead of a count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arms {
    pub canary_exposure: f64,
    pub canary_events: f64,
    pub baseline_exposure: f64,
    pub baseline_events: f64,
}

/// Events per unit of exposure in either arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    pub canary: f64,
    pub baseline: f64,
}

/// The wealth of the cash and of each alternative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Mixture {
    log_total: f64,
    /// What part of the total each has; they sum to 1. None is ever 0: dealing sees to that.
    parts: [f64; ALTERNATIVES + 1],
}

/// Version 1 kept the logarithm of each wealth.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Logs([f64; ALTERNATIVES + 1]),
    Parts { log_total: f64, parts: [f64; ALTERNATIVES + 1] },
}

impl From<Stored> for Mixture {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Parts { log_total, parts } => Self { log_total, parts },
            Stored::Logs(logs) => {
                let log_total = log_sum(&logs);
                Self { log_total, parts: logs.map(|log| exp(log - log_total)) }
            }
        }
    }
}

/// The cash, then the bet on each alternative; the sum is 1.
const PRIOR: [f64; ALTERNATIVES + 1] =
    [CASH, bet(0.10), bet(0.11), bet(0.09), bet(0.13), bet(0.17), bet(0.11), bet(0.09), bet(0.20)];

const fn bet(part: f64) -> f64 {
    (1.0 - CASH) * part
}

/// Each alternative and its logarithm.
static LOGS: LazyLock<[(f64, f64); ALTERNATIVES]> =
    LazyLock::new(|| MULTIPLES.map(|multiple| (multiple, log(multiple))));

/// The alternative whose rise and fall dates the beginning of harm: near enough to see a mild one.
const DATING: usize = 2;

impl Default for Mixture {
    fn default() -> Self {
        Self { log_total: 0.0, parts: PRIOR }
    }
}

impl Mixture {
    /// Takes one look in: `baseline_rate` and `dispersion` must come from earlier looks only. `share` of the wealth is
    /// dealt anew before. Returns the log likelihood ratio of the alternative that dates an onset; `None` when the look
    /// says nothing and changed nothing.
    pub(super) fn update(
        &mut self,
        arms: &Arms,
        null: &Tolerance,
        baseline_rate: f64,
        dispersion: f64,
        share: f64,
    ) -> Option<f64> {
        if !arms.can_speak(null) {
            return None;
        }
        let ratios = log_ratios(arms, null, baseline_rate, dispersion);
        self.multiply(&ratios.map(|ratio| ratio / dispersion), share);
        Some(ratios[DATING])
    }

    /// Deals anew, then multiplies each bet by its factor. Scaled by the greatest factor, so that nothing overflows; the
    /// part that it belongs to is at least what was dealt to it, so the total is never 0.
    fn multiply(&mut self, log_factors: &[f64; ALTERNATIVES], share: f64) {
        let most = log_factors.iter().copied().fold(0.0, f64::max);
        let deal = |part: f64, prior: f64| (1.0 - share) * part + share * prior;
        self.parts[0] = deal(self.parts[0], PRIOR[0]) * exp(-most);
        for (i, factor) in log_factors.iter().enumerate() {
            self.parts[i + 1] = deal(self.parts[i + 1], PRIOR[i + 1]) * exp(factor - most);
        }
        let total: f64 = self.parts.iter().sum();
        self.parts.iter_mut().for_each(|part| *part /= total);
        self.log_total += most + log(total);
    }

    /// Natural logarithm of the evidence; 0 at the start, harm from `ln(1/alpha)` on.
    pub fn log_evidence(&self) -> f64 {
        self.log_total
    }
}

/// Of one look, for each alternative.
fn log_ratios(
    arms: &Arms,
    null: &Tolerance,
    baseline_rate: f64,
    dispersion: f64,
) -> [f64; ALTERNATIVES] {
    let log_farthest = log_farthest(dispersion);
    let drawn_in = |(multiple, log_multiple)| {
        let near = log_multiple <= log_farthest;
        if near { (multiple, log_multiple) } else { (exp(log_farthest), log_farthest) }
    };
    let alternatives = LOGS.map(drawn_in);
    if null.delta <= 0.0 {
        // The base rate cancels, so a burst in both arms says nothing (conditional binomial).
        let canary = arms.canary_exposure * null.ratio;
        let theta = canary / (canary + arms.baseline_exposure);
        let events = arms.canary_events + arms.baseline_events;
        return alternatives.map(|(multiple, log_multiple)| {
            arms.canary_events * log_multiple - events * log1p(theta * (multiple - 1.0))
        });
    }
    let edge = null.ratio * baseline_rate + null.delta;
    alternatives.map(|(multiple, _)| {
        let alternative = Rates { canary: multiple * edge, baseline: baseline_rate };
        log_ratio(arms, alternative, null)
    })
}

impl Arms {
    /// Whether a look can tell anything about this null: a ratio needs both arms, an absolute limit the canary alone.
    pub(super) fn can_speak(&self, null: &Tolerance) -> bool {
        self.canary_exposure > 0.0 && (self.baseline_exposure > 0.0 || null.ratio == 0.0)
    }
}

/// Large clusters have heavier tails than dividing by the dispersion makes up for, and one of them in the canary looks
/// like a far alternative: the more failures cluster, the nearer is what may be betted on. No limit without clusters.
/// The natural logarithm of the multiple.
fn log_farthest(dispersion: f64) -> f64 {
    FAR + FAR_WIDENS / (dispersion - 1.0)
}

/// Log likelihood ratio of `alternative` against its projection on the line `canary = ratio * baseline + delta`.
pub(super) fn log_ratio(arms: &Arms, alternative: Rates, null: &Tolerance) -> f64 {
    if null.delta <= 0.0 {
        return log_ratio_of_multiple(
            arms,
            alternative.canary / (null.ratio * alternative.baseline),
            null.ratio,
        );
    }
    let Rates { canary, baseline } = project(arms, alternative, null);
    arms.canary_events * log(alternative.canary / canary)
        + arms.baseline_events * log(alternative.baseline / baseline)
        - arms.canary_exposure * (alternative.canary - canary)
        - arms.baseline_exposure * (alternative.baseline - baseline)
}

/// The same for a pure ratio: the base rate cancels, so a burst in both arms says nothing (conditional binomial).
pub(super) fn log_ratio_of_multiple(arms: &Arms, multiple: f64, ratio: f64) -> f64 {
    let canary = arms.canary_exposure * ratio;
    let shift = log1p(canary * (multiple - 1.0) / (canary + arms.baseline_exposure));
    arms.canary_events * log(multiple) - (arms.canary_events + arms.baseline_events) * shift
}

/// The point of the null line nearest to `alternative` in Kullback-Leibler divergence, weighted by exposure: the root
/// of a quadratic, taken in the form that does not cancel.
pub(super) fn project(arms: &Arms, alternative: Rates, null: &Tolerance) -> Rates {
    let (rho, delta) = (null.ratio, null.delta);
    if rho <= 0.0 {
        return Rates { canary: delta, baseline: alternative.baseline };
    }
    let (nc, nb) = (arms.canary_exposure, arms.baseline_exposure);
    let a = rho * (nc * rho + nb);
    let b = nc * rho * (delta - alternative.canary) + nb * (delta - rho * alternative.baseline);
    let c = -nb * alternative.baseline * delta;
    let root = (b * b - 4.0 * a * c).sqrt();
    let baseline = if b >= 0.0 { -2.0 * c / (b + root) } else { (root - b) / (2.0 * a) };
    Rates { canary: rho * baseline + delta, baseline }
}

/// Deals `share` (above 0) of the whole wealth anew by the prior: what healthy looks took from an alternative comes back.
pub(super) fn deal(log_wealth: &mut [f64], prior: &[f64], share: f64) {
    let total = log_sum(log_wealth);
    for (wealth, prior) in log_wealth.iter_mut().zip(prior) {
        *wealth = total + log((1.0 - share) * exp(*wealth - total) + share * prior);
    }
}

/// Lowers the whole wealth to `cap`. Giving wealth away keeps the guarantee, and what is capped recovers soon.
pub(super) fn cap(log_wealth: &mut [f64], cap: f64) {
    let excess = log_sum(log_wealth) - cap;
    if excess > 0.0 {
        log_wealth.iter_mut().for_each(|wealth| *wealth -= excess);
    }
}

/// `ln(sum of exp)`, without overflow. Negative infinity for nothing.
pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + log(logs.iter().map(|l| exp(l - most)).sum())
}
