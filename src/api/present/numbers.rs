//! The judge's numbers as people compare them: rates, ratios, odds.

use crate::api::views::{CheckView, CountsView, EvidenceView, PromotionView, TogetherView};
use crate::domain::{Timestamp, human};
use crate::engine::{Memory, rules};
use crate::judge::words::{about, odds, percent, times, value};
use crate::judge::{Counts, Reading, Together, Tolerance, What};
use crate::plan::{Check, Program};

/// Of a logarithm; above it odds are beyond any use, and JSON has no infinity.
const MOST_LOG: f64 = 50.0;

pub(super) fn checks(program: &Program, memory: &Memory) -> Vec<CheckView> {
    let judgement = memory.judgement.as_ref();
    let beta = rules(program).beta;
    let view = |check: &Check| {
        let name = check.name.to_string();
        let reading = judgement.and_then(|j| j.readings.iter().find(|r| r.check == name));
        let limit = judgement.map_or(0.0, |j| j.log_limit);
        let tolerate = check.tolerate.map(tolerance);
        let Some(reading) = reading else {
            let step = CountsView::default();
            let (since, evidence, promotion) = (None, None, None);
            let (dispersion, together) = (1.0, None);
            return CheckView {
                name,
                tolerate,
                step,
                since,
                evidence,
                promotion,
                dispersion,
                together,
            };
        };
        CheckView {
            tolerate,
            step: counts(&reading.step),
            since: reading.since.as_ref().map(counts),
            evidence: reading.log_evidence.map(|log| evidence(log, limit)),
            promotion: promotion(&name, reading, beta),
            dispersion: if reading.dispersion.is_finite() { reading.dispersion } else { 1.0 },
            together: reading.together.map(|both| together(&both, reading.what, memory.until)),
            name,
        }
    };
    program.plan.checks.iter().map(view).collect()
}

pub(super) fn counts(counts: &Counts) -> CountsView {
    CountsView {
        canary_requests: counts.canary_requests,
        canary_failures: counts.canary_failures,
        baseline_requests: counts.baseline_requests,
        baseline_failures: counts.baseline_failures,
        canary_rate: counts.canary_rate(),
        baseline_rate: counts.baseline_rate(),
        ratio: counts.ratio(),
    }
}

/// `until`: the end of the last look.
fn together(both: &Together, what: What, until: Option<Timestamp>) -> TogetherView {
    let told = |mean: f64| match what {
        What::Mean | What::Level => value(mean),
        _ => percent(mean),
    };
    let does = match what {
        What::Failed | What::FailedUsers => " fail",
        What::SlowerThan(_) => " slow",
        What::Mean | What::Level => "",
    };
    let text = match (both.before, both.since, both.ratio()) {
        (None, _, _) => "not held to anything: too little was seen before the shift".to_owned(),
        (_, None, _) => "as before".to_owned(),
        (_, Some(since), ratio) => {
            let began = until.map(|until| {
                Timestamp::from_micros(
                    until
                        .micros()
                        .saturating_sub(i64::try_from(since.lasting.as_micros()).unwrap_or(0)),
                )
            });
            let when = began.map_or(String::new(), |at| format!(" since {} UTC", at.clock()));
            ratio.map_or_else(|| format!("worse{when}"), |ratio| format!("{}{when}", times(ratio)))
        }
    };
    TogetherView {
        now: both.since.unwrap_or(both.now).mean().map(|mean| told(mean) + does),
        before: both.before.and_then(|b| b.seen.mean()).map(|mean| told(mean) + " before"),
        ratio: both.ratio(),
        worse: both.since.is_some(),
        text,
    }
}

/// `log` and `limit` are natural logarithms.
pub(super) fn evidence(log: f64, limit: f64) -> EvidenceView {
    EvidenceView {
        odds: plain(log),
        limit: plain(limit),
        text: odds(log),
        limit_text: odds(limit),
        towards_limit: if limit > 0.0 { (log / limit).clamp(0.0, 10.0) } else { 0.0 },
    }
}

fn plain(log: f64) -> f64 {
    libm::exp(log.clamp(-MOST_LOG, MOST_LOG))
}

fn promotion(check: &str, reading: &Reading, beta: f64) -> Option<PromotionView> {
    let margin = reading.margin.filter(|margin| margin.is_finite())?;
    let log = reading.log_excluded?;
    let needed = libm::log(1.0 / beta);
    let base = reading.step.baseline_rate().filter(|rate| *rate > 0.0);
    let ratio = base.map(|base| (base + margin) / base);
    let met = log >= needed;
    let remaining = reading.remaining.filter(|_| !met);
    let what = ratio.map_or_else(|| format!("{} pp more", margin * 100.0), times);
    let text = match remaining {
        _ if met => format!("{check} has ruled out {what}"),
        Some(left) => {
            let time = left.time.map_or(String::new(), |t| format!(", {}", human(whole(t))));
            let requests = about(left.requests);
            format!("{check} must rule out {what}: about {requests} more canary requests{time}")
        }
        None => format!("{check} must rule out {what}"),
    };
    Some(PromotionView {
        must_exclude: margin,
        must_exclude_ratio: ratio,
        odds: plain(log),
        needed: plain(needed),
        met,
        requests_to_go: remaining.map(|left| left.requests),
        seconds_to_go: remaining.and_then(|left| left.time).map(|t| t.as_secs_f64()),
        text,
    })
}

/// A forecast in fractions of a second pretends too much.
fn whole(time: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(time.as_secs().max(1))
}

/// As the plan writes it: `1.1x`, `0.05pp`, `1.1x + 0.05pp`.
pub(super) fn tolerance(tolerance: Tolerance) -> String {
    let Tolerance { ratio, delta } = tolerance;
    let points = format!("{}pp", rounded(delta * 100.0));
    match (ratio, delta) {
        (ratio, 0.0) => format!("{}x", rounded(ratio)),
        (1.0, _) => points,
        (ratio, _) => format!("{}x + {points}", rounded(ratio)),
    }
}

/// Without the last bits of a float: 0.05 and not 0.05000000000000001.
fn rounded(number: f64) -> f64 {
    libm::round(number * 1e9) / 1e9
}

/// What the canary failed more than the baseline would have; never below 0.
pub(super) fn extra_failures(counts: &Counts) -> f64 {
    let usual = counts.canary_requests as f64 * counts.baseline_rate().unwrap_or(0.0);
    (counts.canary_failures as f64 - usual).max(0.0)
}
