//! One look's factor has expectation at most 1 on the null: every outcome of small looks, with its probability.

use libm::{exp, lgamma, log, log1p};

use super::ratio;
use crate::judge::Tolerance;
use crate::judge::mixture::{Arms, Mixture, Rates, log_ratio};
use crate::judge::promotion::Gate;

fn binomial(n: u64, k: u64, p: f64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    let choose = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
    exp(choose + k * log(p) + (n - k) * log1p(-p))
}

/// The expectation of `factor` over both arms' failures.
fn expectation(nc: u64, pc: f64, nb: u64, pb: f64, factor: impl Fn(&Arms) -> f64) -> f64 {
    let mut sum = 0.0;
    for ec in 0..=nc {
        for eb in 0..=nb {
            let arms = Arms {
                canary_exposure: nc as f64,
                canary_events: ec as f64,
                baseline_exposure: nb as f64,
                baseline_events: eb as f64,
            };
            sum += binomial(nc, ec, pc) * binomial(nb, eb, pb) * factor(&arms);
        }
    }
    sum
}

const SIZES: [(u64, u64); 5] = [(1, 1), (3, 60), (20, 20), (40, 10), (60, 90)];
const RATES: [f64; 5] = [0.001, 0.01, 0.1, 0.3, 0.45];

#[test]
fn harm_is_expected_to_gain_nothing_from_a_canary_on_the_line() {
    let nulls = [
        ratio(1.0),
        ratio(1.2),
        Tolerance { ratio: 1.0, delta: 0.005 },
        Tolerance { ratio: 1.2, delta: 0.002 },
        Tolerance { ratio: 0.0, delta: 0.02 },
    ];
    for null in nulls {
        for (nc, nb) in SIZES {
            for pb in RATES {
                let pc = null.ratio * pb + null.delta;
                let value = expectation(nc, pc, nb, pb, |arms| {
                    let mut mixture = Mixture::default();
                    mixture.update(arms, &null, 0.01, 1.0, 0.02);
                    exp(mixture.log_evidence())
                });
                assert!(value <= 1.0 + 1e-9, "{null:?} {nc}/{nb} at {pb}: {value}");
            }
        }
    }
}

#[test]
fn harm_is_expected_to_gain_from_a_canary_beyond_the_line() {
    let value = expectation(60, 0.1, 90, 0.01, |arms| {
        let mut mixture = Mixture::default();
        mixture.update(arms, &ratio(1.0), 0.01, 1.0, 0.02);
        exp(mixture.log_evidence())
    });
    assert!(value > 10.0, "{value}");
}

#[test]
fn health_is_expected_to_gain_nothing_at_the_margin() {
    for margin in [0.001, 0.02, 0.2] {
        for (nc, nb) in SIZES {
            for pb in RATES {
                let value = expectation(nc, pb + margin, nb, pb, |arms| {
                    let mut gate = Gate::new(margin);
                    gate.update(arms, 0.01, 1.0, 0.05);
                    exp(gate.log_evidence())
                });
                assert!(value <= 1.0 + 1e-9, "{margin} {nc}/{nb} at {pb}: {value}");
            }
        }
    }
}

#[test]
fn a_burst_in_both_arms_says_nothing_about_a_ratio() {
    let arms = |failures: f64| Arms {
        canary_exposure: 100.0,
        canary_events: failures,
        baseline_exposure: 900.0,
        baseline_events: 9.0 * failures,
    };
    let twice = Rates { canary: 2.0, baseline: 1.0 };
    assert!(log_ratio(&arms(1.0), twice, &ratio(1.0)) < 0.0);
    assert!(log_ratio(&arms(50.0), twice, &ratio(1.0)) < 0.0);
}
