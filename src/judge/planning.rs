//! What a plan can see and how long it takes, before it runs.
//!
//! Information per canary request is the Kullback-Leibler divergence of the two arms' rates from the nearest point of
//! the null. Simulated rollouts needed 1.00 to 1.11 times the bound, which the factor here covers.

use libm::log;

use super::Tolerance;
use super::mixture::{Arms, Rates, project};
use crate::domain::Weight;

/// Measured requests over the bound.
const OVERHEAD: f64 = 1.1;
/// What the mixture costs beside the best single alternative, in nats.
const MIXTURE_COST: f64 = 1.9;
/// A harm budget is at least this share of all requests, and this part of the usual failures.
const LEAST_HARM: f64 = 0.0005;
const USUAL_PART: f64 = 0.2;

/// What independent failures look like after 120 looks of history: the dispersion to plan with.
pub const LEARNED_DISPERSION: f64 = 1.15;

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
