//! What a plan can see and how long it takes, before it runs.
//!
//! Information per canary request is the Kullback-Leibler divergence of the two arms' rates from the nearest point of
//! the null. Simulated rollouts needed 1.00 to 1.11 times the bound, which the factor here covers.

use libm::log;

use super::dispersion::planned_dispersion;
use super::mixture::{Arms, Rates, project};
use super::{Rules, Tolerance};
use crate::domain::Weight;

/// Measured requests over the bound.
const OVERHEAD: f64 = 1.1;
/// What the mixture costs beside the best single alternative, in nats.
const MIXTURE_COST: f64 = 1.4;
/// A harm budget is at least this share of all requests, and this part of the usual failures.
const LEAST_HARM: f64 = 0.0005;
const USUAL_PART: f64 = 0.2;

/// Of the baseline alone, before the start.
const HISTORY_LOOKS: f64 = 120.0;

/// What independent failures look like after 120 looks of history: the dispersion to plan with.
pub const LEARNED_DISPERSION: f64 = 1.05;

/// The usual load, and how it will be judged.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    /// The usual share of failures, above 0, at most 1.
    pub base_rate: f64,
    /// In both arms together.
    pub requests_per_second: f64,
    pub look_seconds: f64,
    pub tolerate: Tolerance,
    pub rules: Rules,
}

/// A time at one weight.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// The canary's share, 0 to 1.
    pub weight: f64,
    /// The excess failure rate to exclude before the next stage; `None` where time alone opens it.
    pub margin: Option<f64>,
    /// Stays at least so long.
    pub least_seconds: f64,
    /// Goes on then whatever is excluded; may be infinite.
    pub most_seconds: f64,
}

/// What a fault costs, on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reaction {
    /// From its first request to the revert.
    pub seconds: f64,
    /// More than the baseline would have failed.
    pub excess_failures: f64,
}

impl Outlook {
    /// Seconds that each stage lasts for a canary as good as the baseline; infinite where it never opens, and for all
    /// stages behind such a one. A gate gains evidence from the first stage on, not from its own.
    pub fn climb(&self, stages: &[Stage]) -> Vec<f64> {
        let mut lasting: Vec<f64> = Vec::with_capacity(stages.len());
        for (at, stage) in stages.iter().enumerate() {
            let seconds = match lasting.last() {
                Some(before) if before.is_infinite() => f64::INFINITY,
                _ => self.until_open(stage, &stages[..at], &lasting),
            };
            lasting.push(seconds.min(stage.most_seconds).max(stage.least_seconds));
        }
        lasting
    }

    fn until_open(&self, stage: &Stage, earlier: &[Stage], lasting: &[f64]) -> f64 {
        let Some(margin) = stage.margin else { return 0.0 };
        let mut missing = log(1.0 / self.rules.beta);
        let mut past = 0.0;
        for (stage, seconds) in earlier.iter().zip(lasting) {
            missing -= seconds * self.health_per_second(stage.weight, margin, past);
            past += seconds;
        }
        let gain = self.health_per_second(stage.weight, margin, past);
        if missing <= 0.0 { 0.0 } else { missing / gain }
    }

    /// Nats.
    fn health_per_second(&self, weight: f64, margin: f64, past: f64) -> f64 {
        // A margin of nothing has no information but what rounding makes, of either sign.
        let information = health_information(self.base_rate, weight, margin).max(0.0);
        weight * self.requests_per_second * information / (OVERHEAD * self.dispersion(past))
    }

    /// A fault that is there from the first look at `weight`, `worsening` times the usual failures. `None` where it is
    /// tolerated or nothing shows it. The law of the blast radius (docs/statistics.md) in requests: what the evidence
    /// needs, half a look until somebody looks, a look at least. What a rollout learns of dispersion before a later
    /// weight is left out: it about pays for evidence of health that a late fault has to undo first.
    pub fn reaction(&self, weight: f64, worsening: f64) -> Option<Reaction> {
        let faulty = (worsening * self.base_rate).min(1.0);
        let (base, tolerate, alpha) = (self.base_rate, &self.tolerate, self.rules.alpha);
        let dispersion = self.dispersion(0.0);
        let evidence = requests_to_detect(base, weight, worsening, tolerate, alpha, dispersion);
        let needed = evidence.max(self.rules.min_failures as f64 / faulty);
        let pace = weight * self.requests_per_second;
        let seconds = (needed / pace + self.look_seconds / 2.0).max(self.look_seconds);
        let excess_failures = seconds * pace * (faulty - self.base_rate);
        seconds.is_finite().then_some(Reaction { seconds, excess_failures })
    }

    /// The smallest worsening that `seconds` at `weight` show on average; see [`smallest_visible`].
    pub fn sees(&self, weight: f64, seconds: f64) -> Option<f64> {
        let requests = weight * self.requests_per_second * seconds;
        let (tolerate, alpha) = (&self.tolerate, self.rules.alpha);
        smallest_visible(requests, self.base_rate, weight, tolerate, alpha, self.dispersion(0.0))
    }

    /// What independent failures look like after the history and `past` seconds: the prior and one square of about 1
    /// for each comparison of blocks, four of which come from five. A block is a look, or several until about one failure
    /// is due (`dispersion.rs`).
    fn dispersion(&self, past: f64) -> f64 {
        let due = self.base_rate * self.requests_per_second * self.look_seconds;
        let looks = HISTORY_LOOKS + past / self.look_seconds;
        planned_dispersion(looks * due.min(1.0) * 0.8)
    }
}

/// The share of all requests a step may put at risk: the plan's own, or max(0.05 pp, 20 % of the usual failures).
pub fn harm_budget(usual_failures: f64, harm: Option<f64>) -> f64 {
    harm.unwrap_or_else(|| (USUAL_PART * usual_failures).max(LEAST_HARM))
}

/// The excess failure rate, 0 to 1, that must be excluded before a step to `next` opens.
pub fn margin(harm: f64, next: Weight) -> f64 {
    (harm / next.fraction().max(f64::MIN_POSITIVE)).min(1.0)
}

/// Canary requests until a canary failing `worsening` times as often as `base_rate` is reverted, on average.
/// Infinite when the tolerance allows it or there is no control. `weight` is the canary's share, 0 to 1.
pub fn requests_to_detect(
    base_rate: f64,
    weight: f64,
    worsening: f64,
    tolerate: &Tolerance,
    alpha: f64,
    dispersion: f64,
) -> f64 {
    let faulty = (worsening * base_rate).min(1.0);
    if faulty <= tolerate.ratio * base_rate + tolerate.delta {
        return f64::INFINITY;
    }
    let rates = Rates { canary: faulty, baseline: base_rate };
    let nats = log(1.0 / alpha) + MIXTURE_COST;
    requests_for(nats, information(rates, weight, tolerate), dispersion)
}

/// Canary requests until a canary as good as the baseline has excluded `margin` (an excess failure rate).
/// Infinite when there is no control.
pub fn requests_to_open(
    base_rate: f64,
    weight: f64,
    margin: f64,
    beta: f64,
    dispersion: f64,
) -> f64 {
    requests_for(log(1.0 / beta), health_information(base_rate, weight, margin), dispersion)
}

/// The smallest worsening (a multiple of `base_rate`) that `canary_requests` are enough to revert on average; `None`
/// when even a canary that fails everything goes unseen.
pub fn smallest_visible(
    canary_requests: f64,
    base_rate: f64,
    weight: f64,
    tolerate: &Tolerance,
    alpha: f64,
    dispersion: f64,
) -> Option<f64> {
    let seen = |worsening: f64| {
        requests_to_detect(base_rate, weight, worsening, tolerate, alpha, dispersion)
            <= canary_requests
    };
    let (mut unseen, mut visible) = (1.0, 1.0 / base_rate);
    if !seen(visible) {
        return None;
    }
    // Halving the logarithm forty times leaves far less than a printed digit.
    for _ in 0..40 {
        let middle = (unseen * visible).sqrt();
        if seen(middle) { visible = middle } else { unseen = middle }
    }
    Some(visible)
}

/// Nats per canary request that a canary as good as the baseline gives against `canary >= baseline + margin`.
pub(super) fn health_information(base_rate: f64, weight: f64, margin: f64) -> f64 {
    let rates = Rates { canary: base_rate, baseline: base_rate };
    information(rates, weight, &Tolerance { ratio: 1.0, delta: margin })
}

pub(super) fn requests_for(nats: f64, information: f64, dispersion: f64) -> f64 {
    if information > 0.0 { OVERHEAD * dispersion * nats / information } else { f64::INFINITY }
}

fn information(rates: Rates, weight: f64, null: &Tolerance) -> f64 {
    let arms = Arms {
        canary_exposure: weight,
        canary_events: weight * rates.canary,
        baseline_exposure: 1.0 - weight,
        baseline_events: (1.0 - weight) * rates.baseline,
    };
    if !arms.can_speak(null) {
        return 0.0;
    }
    let nearest = project(&arms, rates, null);
    let of_canary = divergence(rates.canary, nearest.canary);
    let of_baseline = divergence(rates.baseline, nearest.baseline);
    of_canary + (1.0 - weight) / weight * of_baseline
}

/// Of Poisson rates: `a ln(a/b) - (a - b)`.
fn divergence(a: f64, b: f64) -> f64 {
    a * log(a / b) - (a - b)
}
