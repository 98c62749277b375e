//! Tests of the judge as a whole. Beside them: exact enumeration, reference values, seeded rollouts, rows of verdicts.

mod blame;
mod enumerated;
mod foreseen;
mod kept;
mod latency;
mod planned;
mod reference;
mod reference_kinds;
mod shared;
mod simulated;
mod simulated_kinds;
mod split;
mod total;
mod total_kinds;
mod verdicts;
mod world;

use std::time::Duration;

use super::{Counts, Criterion, LookInput, Requests, Tolerance};
use crate::domain::Weight;

fn weight(share: f64) -> Weight {
    Weight::from_ppm((share * 1e6).round() as u32).expect("a share")
}

fn ratio(ratio: f64) -> Tolerance {
    Tolerance { ratio, delta: 0.0 }
}

fn criterion(name: &str, tolerate: Option<Tolerance>) -> Criterion {
    Criterion::of_counts(name, tolerate)
}

/// `ec/nc` on the canary, `eb/nb` on the baseline.
fn counts(ec: u64, nc: u64, eb: u64, nb: u64) -> Counts {
    Counts {
        canary_requests: nc,
        canary_failures: ec,
        baseline_requests: nb,
        baseline_failures: eb,
    }
}

/// A look of ten seconds at 50 % with one check, whose requests are the route's.
fn at_half(counts: Counts) -> LookInput {
    LookInput {
        weight: weight(0.5),
        control: true,
        history: false,
        harm: 0.001,
        ahead: vec![Weight::FULL],
        lasting: Duration::from_secs(10),
        checks: vec![Some(counts.into())],
        split: Some(Requests {
            canary: counts.canary_requests,
            baseline: counts.baseline_requests,
        }),
        sticky: false,
    }
}
