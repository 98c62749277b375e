//! Values and gauges against values computed with 50 digits by other means: `tests/reference/kinds.py`.

use std::time::Duration;

use serde::Deserialize;

use super::ratio;
use crate::judge::gauge::GaugeEvidence;
use crate::judge::normal::{Shifts, log_cdf, tuning};
use crate::judge::values::ValuesEvidence;
use crate::judge::{Moments, Pair, Rules, Tolerance, Values, Worse};

#[derive(Deserialize)]
struct Reference {
    cdfs: Vec<Cdf>,
    mixtures: Vec<Mixture>,
    values: Vec<Rollout>,
    gauges: Vec<Scrapes>,
    t_processes: Vec<FiveMinutes>,
}

#[derive(Deserialize)]
struct Cdf {
    x: f64,
    log_cdf: f64,
}

#[derive(Deserialize)]
struct Mixture {
    sum: f64,
    information: f64,
    aim: f64,
    alpha: f64,
    log_evidence: f64,
    /// What another implementation says, which has fewer digits.
    confseq: f64,
}

/// A look's arm: events, sum, squares.
type Arm = (u64, f64, f64);

#[derive(Deserialize)]
struct Rollout {
    history: Vec<Arm>,
    ratio: f64,
    delta: f64,
    worse: Worse,
    margin: f64,
    looks: Vec<Look>,
}

#[derive(Deserialize)]
struct Look {
    canary: Arm,
    baseline: Arm,
    log_harm: f64,
    log_excluded: f64,
}

#[derive(Deserialize)]
struct Scrapes {
    ratio: f64,
    history: Vec<(f64, f64)>,
    scrapes: Vec<Option<(f64, f64)>>,
    log_harm: Vec<f64>,
}

#[derive(Deserialize)]
struct FiveMinutes {
    scrapes: Vec<f64>,
    log_harm: f64,
}

fn reference() -> Reference {
    let text = include_str!("../../../tests/reference/kinds.json");
    serde_json::from_str(text).expect("the reference file")
}

/// `size` is that of the terms a value is the difference of.
#[track_caller]
fn close(got: f64, expect: f64, size: f64) {
    let off = (got - expect).abs();
    assert!(off <= 1e-12 * size, "{got} instead of {expect}, off by {off:e}");
}

fn moments((events, sum, squares): Arm) -> Moments {
    Moments { events, sum, squares }
}

fn pair((canary, baseline): (f64, f64)) -> Pair {
    Pair { canary, baseline }
}

#[test]
fn the_normal_distribution_agrees_far_into_the_tail() {
    for row in reference().cdfs {
        close(log_cdf(row.x), row.log_cdf, row.log_cdf.abs());
    }
}

#[test]
fn the_normal_mixture_agrees_with_its_integral_and_with_confseq() {
    for row in reference().mixtures {
        let mut shifts = Shifts::new(tuning(row.aim, row.alpha));
        shifts.add(row.sum / row.information, row.information);
        close(shifts.log_evidence(), row.log_evidence, 1.0 + row.log_evidence.abs());
        assert!((row.confseq - row.log_evidence).abs() < 1e-9 * (1.0 + row.log_evidence.abs()));
    }
}

#[test]
fn values_agree_look_by_look() {
    for row in reference().values {
        let mut evidence = ValuesEvidence::default();
        row.history.iter().for_each(|&seen| evidence.learn(&moments(seen)));
        let tolerate = Tolerance { ratio: row.ratio, delta: row.delta };
        for look in row.looks {
            let values = Values { canary: moments(look.canary), baseline: moments(look.baseline) };
            let margins = [row.margin].into_iter();
            evidence.update(&values, &tolerate, row.worse, &Rules::new(50.0), margins);
            close(evidence.log_evidence(), look.log_harm, 10.0);
            close(evidence.log_excluded(row.margin).expect("asked"), look.log_excluded, 10.0);
        }
    }
}

#[test]
fn whitened_gauges_agree_scrape_by_scrape() {
    let lasting = Duration::from_secs(30);
    for row in reference().gauges {
        let (mut evidence, tolerate) = (GaugeEvidence::default(), ratio(row.ratio));
        for &halves in &row.history {
            evidence.learn(Some(&pair(halves)), lasting, &tolerate);
        }
        for (scrape, log_harm) in row.scrapes.into_iter().zip(row.log_harm) {
            let scrape = scrape.map(pair);
            evidence.update(scrape.as_ref(), lasting, &tolerate, Worse::Higher, 0.01);
            close(evidence.log_evidence(), log_harm, 10.0);
        }
    }
}

#[test]
fn the_t_process_agrees_with_its_integral() {
    let tolerate = Tolerance { ratio: 1.0, delta: 1.0 };
    for row in reference().t_processes {
        let mut evidence = GaugeEvidence::default();
        for excess in row.scrapes {
            // A baseline of 0, and the tolerance taken off again.
            let scrape = Pair { canary: excess + 1.0, baseline: 0.0 };
            let lasting = Duration::from_secs(100);
            evidence.update(Some(&scrape), lasting, &tolerate, Worse::Higher, 0.01);
        }
        close(evidence.log_evidence(), row.log_harm, 10.0);
    }
}
