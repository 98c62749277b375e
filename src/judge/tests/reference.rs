//! The formulas against values computed with 50 digits by other means: `tests/reference/judge.py`.

use serde::Deserialize;

use crate::judge::Tolerance;
use crate::judge::dispersion::Baseline;
use crate::judge::mixture::{Arms, Mixture, Rates, log_ratio, project};
use crate::judge::promotion::Gate;

#[derive(Deserialize)]
struct Reference {
    projections: Vec<Projection>,
    rollouts: Vec<Rollout>,
}

#[derive(Deserialize)]
struct Projection {
    arms: [f64; 4],
    alternative: [f64; 2],
    ratio: f64,
    delta: f64,
    nearest: [f64; 2],
    log_ratio: f64,
}

#[derive(Deserialize)]
struct Rollout {
    ratio: f64,
    delta: f64,
    margin: f64,
    planned: f64,
    looks: Vec<Look>,
}

#[derive(Deserialize)]
struct Look {
    counts: [u64; 4],
    log_harm: f64,
    log_health: f64,
    phi: f64,
}

fn reference() -> Reference {
    let text = include_str!("../../../tests/reference/judge.json");
    serde_json::from_str(text).expect("the reference file")
}

fn arms([nc, ec, nb, eb]: [f64; 4]) -> Arms {
    Arms { canary_exposure: nc, canary_events: ec, baseline_exposure: nb, baseline_events: eb }
}

/// `size` is that of the terms a value is the difference of.
#[track_caller]
fn close(got: f64, expect: f64, size: f64) {
    let off = (got - expect).abs();
    assert!(off <= 1e-12 * size.max(1.0), "{got} instead of {expect}, off by {off:e}");
}

#[test]
fn projections_and_ratios_agree() {
    for row in reference().projections {
        let (arms, null) = (arms(row.arms), Tolerance { ratio: row.ratio, delta: row.delta });
        let [canary, baseline] = row.alternative;
        let alternative = Rates { canary, baseline };
        let nearest = project(&arms, alternative, &null);
        close(nearest.canary / row.nearest[0], 1.0, 1.0);
        close(nearest.baseline / row.nearest[1], 1.0, 1.0);
        let size = arms.canary_exposure * canary.max(nearest.canary)
            + arms.baseline_exposure * baseline.max(nearest.baseline);
        close(log_ratio(&arms, alternative, &null), row.log_ratio, size);
    }
}

#[test]
fn evidence_agrees_look_by_look() {
    for row in reference().rollouts {
        let null = Tolerance { ratio: row.ratio, delta: row.delta };
        let (mut harm, mut health) = (Mixture::default(), Gate::new(row.margin));
        let mut baseline = Baseline::default();
        for look in row.looks {
            let (rate, dispersion) = (baseline.rate(), baseline.dispersion());
            let arms = arms(look.counts.map(|count| count as f64));
            harm.update(&arms, &null, rate, dispersion, 1.0 / row.planned);
            // So small a beta that the cap on what is kept stays out of the way.
            health.update(&arms, rate, dispersion, 1e-300);
            let [_, _, requests, failures] = look.counts;
            baseline.learn(requests, failures);
            close(harm.log_evidence(), look.log_harm, 10.0);
            close(health.log_evidence(), look.log_health, 10.0);
            close(baseline.dispersion(), look.phi, 1.0);
        }
    }
}
