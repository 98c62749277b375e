//! The judge's numbers as people compare them: rates, ratios, odds.

use crate::api::views::{
    At, BandView, CheckView, CountsView, EvidenceView, MeansView, PointView, PromotionView,
    TogetherView,
};
use crate::domain::{Timestamp, human};
use crate::engine::{Memory, rules};
use crate::judge::words::{about, odds, percent, seconds_of, times, value};
use crate::judge::{Band, Counts, Drawn, Means, Picture, Reading, Together, Tolerance, What, band};
use crate::plan::{Item, Numbers, Program};

/// Of a logarithm; above it odds are beyond any use, and JSON has no infinity.
const MOST_LOG: f64 = 50.0;

pub(super) fn checks(program: &Program, memory: &Memory) -> Vec<CheckView> {
    let beta = rules(program).beta;
    let view = |(position, item): (usize, &Item<'_>)| {
        let judgement = memory.judgement.as_ref();
        let name = item.name();
        let reading = judgement.and_then(|j| j.readings.iter().find(|r| r.check == name));
        let tolerate = item.check.tolerate.map(|t| tolerance(t, &item.check.numbers));
        let Some((judgement, reading)) = judgement.zip(reading) else {
            return unseen(name, tolerate);
        };
        CheckView {
            tolerate,
            what: word(reading.what),
            step: counts(&reading.step),
            since: reading.since.as_ref().map(counts),
            evidence: reading.log_evidence.map(|log| evidence(log, judgement.log_limit)),
            promotion: promotion(&name, reading, beta),
            dispersion: if reading.dispersion.is_finite() { reading.dispersion } else { 1.0 },
            together: reading.together.map(|both| together(&both, reading.what, memory.until)),
            band: band_of(&reading.step, reading),
            since_band: reading.since.and_then(|since| band_of(&since, reading)),
            before: reading.before().as_ref().map(counts),
            means: reading.means.map(means),
            judged_by: reading.by.map(|by| by.to_string()),
            blamed: judgement.blamed.contains(&name),
            held_to: reading.held_to,
            picture: picture(memory, position, reading),
            name,
        }
    };
    program.plan.items().iter().enumerate().map(view).collect()
}

/// Before its first look.
fn unseen(name: String, tolerate: Option<String>) -> CheckView {
    CheckView {
        name,
        tolerate,
        what: word(What::Failed),
        step: CountsView::default(),
        since: None,
        evidence: None,
        promotion: None,
        dispersion: 1.0,
        band: None,
        since_band: None,
        before: None,
        means: None,
        judged_by: None,
        blamed: false,
        held_to: None,
        picture: Vec::new(),
        together: None,
    }
}

/// What is counted or measured, in a word or two.
fn word(what: What) -> String {
    match what {
        What::Failed => "failed".to_owned(),
        What::FailedUsers => "users failed".to_owned(),
        What::SlowerThan(seconds) => format!("over {}", seconds_of(seconds)),
        What::Mean => "mean".to_owned(),
        What::Level => "level".to_owned(),
    }
}

pub(super) fn band_of(counts: &Counts, reading: &Reading) -> Option<BandView> {
    band(counts, reading.dispersion).map(|Band { low, high }| BandView { low, high })
}

/// `: 3.8x (99 % range 1.6 to 10)`, or nothing.
pub(super) fn range(counts: &Counts, reading: &Reading) -> String {
    let Some(ratio) = counts.ratio() else { return String::new() };
    let ratio = times(ratio);
    match band(counts, reading.dispersion) {
        Some(Band { low, high: Some(high) }) => {
            let low = low.map_or_else(|| "0".to_owned(), number);
            format!(": {ratio} (99 % range {low} to {})", number(high))
        }
        Some(Band { low: Some(low), high: None }) => {
            format!(": {ratio} (99 % range {} and more)", number(low))
        }
        _ => format!(": {ratio}"),
    }
}

/// A ratio without its `x`.
pub fn number(ratio: f64) -> String {
    times(ratio).trim_end_matches('x').to_owned()
}

fn means(means: Means) -> MeansView {
    let Means { canary, baseline, canary_events, baseline_events } = means;
    MeansView { canary, baseline, canary_events, baseline_events }
}

/// The points that are kept, and the last look where it is none of them.
fn picture(memory: &Memory, position: usize, reading: &Reading) -> Vec<PointView> {
    let mut points: Vec<Drawn> = memory.picture.points(position).collect();
    let newest = memory.until.map(|at| Picture::point(at, reading));
    let known = points.last().map(|drawn| drawn.at);
    points.extend(newest.filter(|newest| known != Some(newest.at)));
    points.into_iter().map(point).collect()
}

fn point(drawn: Drawn) -> PointView {
    let wide = |narrow: Option<f32>| narrow.map(f64::from);
    PointView {
        at: At(drawn.at),
        log10_odds: f64::from(drawn.log_evidence) / std::f64::consts::LN_10,
        ratio: wide(drawn.ratio),
        low: wide(drawn.low),
        high: wide(drawn.high),
    }
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
            let when = began.map_or(String::new(), |at| format!(" since {} UTC", seconds(at)));
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

/// A clock time to the second: when harm began is an estimate.
fn seconds(at: Timestamp) -> String {
    at.clock().chars().take(8).collect()
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
    // Of values the margin is a part of the mean.
    let ratio = match reading.what {
        What::Mean => Some(1.0 + margin),
        _ => base.map(|base| (base + margin) / base),
    };
    let met = log >= needed;
    let remaining = reading.remaining.filter(|_| !met);
    let what = ratio.map_or_else(|| format!("{} pp more", rounded(margin * 100.0)), times);
    let today = band(&reading.step, reading.dispersion).and_then(|band| band.high);
    let today = today.map_or(String::new(), |most| format!(" (today at most {})", times(most)));
    let text = match remaining {
        _ if met => format!("{check} has ruled out {what}"),
        Some(left) => {
            let time = left.time.map_or(String::new(), |t| format!(", {}", human(whole(t))));
            let requests = about(left.requests);
            format!(
                "{check} must rule out {what}{today}: about {requests} more canary requests{time}"
            )
        }
        None => format!("{check} must rule out {what}{today}"),
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

/// As the plan writes it: `1.1x`, `0.05pp`, `1.1x + 0.05pp`, `0.5 %`; a value's and a level's part is in its own unit.
pub(super) fn tolerance(tolerance: Tolerance, of: &Numbers) -> String {
    let Tolerance { ratio, delta } = tolerance;
    let shares = !matches!(of, Numbers::Values { .. } | Numbers::Gauge { .. });
    let part = if shares { format!("{}pp", rounded(delta * 100.0)) } else { value(delta) };
    match (ratio, delta) {
        (0.0, delta) if shares => percent(delta),
        (0.0 | 1.0, delta) if delta != 0.0 => part,
        (ratio, 0.0) => format!("{}x", rounded(ratio)),
        (ratio, _) => format!("{}x + {part}", rounded(ratio)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A margin of values is a part of their mean, of failures a share of requests.
    #[test]
    fn what_must_be_ruled_out_is_told_in_the_check_s_own_terms() {
        let step = Counts { canary_requests: 1_000, baseline_requests: 1_000, ..Counts::default() };
        let failed = Counts { canary_failures: 10, baseline_failures: 10, ..step };
        let rows = [
            (What::Mean, step, 0.2, "x must rule out 1.2x"),
            (What::Failed, step, 0.003, "x must rule out 0.3 pp more"),
            (What::Failed, failed, 0.01, "x must rule out 2x (today at most "),
        ];
        for (what, step, margin, start) in rows {
            let (margin, log_excluded) = (Some(margin), Some(0.0));
            let reading = Reading { what, step, margin, log_excluded, ..Reading::default() };
            let text = promotion("x", &reading, 0.05).map(|view| view.text).unwrap_or_default();
            assert!(text.starts_with(start), "{text}");
        }
    }
}
