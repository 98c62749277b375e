//! The account of a revert: who decided when, on what, how soon it was in force, who was hurt.

use super::{Facts, numbers};
use crate::api::views::{At, RevertView};
use crate::domain::{Reason, Timestamp, Weight};
use crate::engine::Phase;
use crate::judge::words::{about, odds, seconds_of, thousands, times};
use crate::judge::{Judgement, Reading, What};
use crate::store::{JournalLine, Stored};

pub(super) fn revert(stored: &Stored, facts: &Facts) -> Option<RevertView> {
    let (because, at) = match &stored.state.phase {
        Phase::Reverting { because, since, .. } => (because, *since),
        Phase::Reverted { because, at } => (because, *at),
        _ => return None,
    };
    let over = matches!(stored.state.phase, Phase::Reverted { .. });
    let decided = last(&facts.journal, "reverting");
    let done = last(&facts.journal, "reverted").filter(|_| over);
    let decided_at = decided.or(done).map_or(at, |line| line.entry.at);
    let in_force_at = over.then(|| done.map_or(at, |line| line.entry.at));
    let reading = guilty(because, stored.memory.judgement.as_ref());
    let counts = reading.and_then(|r| r.since).filter(|c| !c.is_empty());
    let extra = counts.as_ref().map(numbers::extra_failures);
    Some(RevertView {
        by: decided.or(done).map_or_else(|| "?".to_owned(), |line| line.entry.by.to_string()),
        decided_at: At(decided_at),
        in_force_at: in_force_at.map(At),
        took_ms: in_force_at.map(|at| took(done, decided_at, at)),
        from_ppm: from(&facts.journal).unwrap_or(Weight::ZERO).ppm(),
        check: reading.map(|r| r.check.clone()),
        counts: counts.as_ref().map(numbers::counts),
        band: reading.zip(counts).and_then(|(r, counts)| numbers::band_of(&counts, r)),
        extra_failures: extra,
        sentences: sentences(stored, reading, extra),
    })
}

/// The canary's share when the revert was decided.
pub(super) fn from(journal: &[JournalLine]) -> Option<Weight> {
    let line = last(journal, "reverting")?;
    let ppm = line.entry.detail.get("before")?.get("weight_ppm")?.as_u64()?;
    u32::try_from(ppm).ok().and_then(Weight::from_ppm)
}

fn last<'a>(journal: &'a [JournalLine], kind: &str) -> Option<&'a JournalLine> {
    journal.iter().rev().find(|line| line.entry.kind == kind)
}

fn took(done: Option<&JournalLine>, decided: Timestamp, in_force: Timestamp) -> f64 {
    let numbers = done.and_then(|line| line.entry.detail.get("numbers"));
    let us = numbers.and_then(|n| n.get("took_us")).and_then(serde_json::Value::as_f64);
    us.unwrap_or_else(|| in_force.since(decided).as_micros() as f64) / 1000.0
}

/// Ten to one.
const NEAR: f64 = std::f64::consts::LN_10;

/// The check that showed harm: the one the judge named, else the one with the most evidence.
fn guilty<'a>(because: &Reason, judgement: Option<&'a Judgement>) -> Option<&'a Reading> {
    let readings = &judgement?.readings;
    match because {
        Reason::Regression { check, .. } => readings.iter().find(|r| r.check == *check),
        _ => {
            // What a person decided is no harm shown, unless the evidence was near to saying so itself.
            let near = |r: &&Reading| r.log_evidence.is_some_and(|log| log >= NEAR);
            let compared = readings.iter().filter(|r| r.since.is_some()).filter(near);
            compared.max_by(|a, b| {
                let log = |r: &Reading| r.log_evidence.unwrap_or(f64::NEG_INFINITY);
                log(a).total_cmp(&log(b))
            })
        }
    }
}

fn sentences(stored: &Stored, reading: Option<&Reading>, extra: Option<f64>) -> Vec<String> {
    let (canary, baseline) = (&stored.program.canary, &stored.program.baseline);
    let mut told = Vec::new();
    let since = reading.and_then(|r| Some((r, r.since.filter(|c| !c.is_empty())?)));
    if let Some((reading, counts)) = since {
        told.push(format!(
            "Since the harm began: {} of {} {} {} on {canary}, {} of {} on {baseline}{}",
            thousands(counts.canary_failures),
            thousands(counts.canary_requests),
            reading.what.counted(),
            past(reading.what),
            thousands(counts.baseline_failures),
            thousands(counts.baseline_requests),
            numbers::range(&counts, reading),
        ));
        told.extend(reading.before().map(|before| {
            let ratio = before.ratio().map_or(String::new(), |r| format!(": {}", times(r)));
            format!(
                "Before, in this step: {} of {} on {canary}, {} of {} on {baseline}{ratio}",
                thousands(before.canary_failures),
                thousands(before.canary_requests),
                thousands(before.baseline_failures),
                thousands(before.baseline_requests),
            )
        }));
    }
    let judgement = stored.memory.judgement.as_ref();
    if let Some((log, limit)) = judgement.and_then(|j| Some((j.log_evidence?, j.log_limit))) {
        told.push(format!("Evidence {}, limit {}", odds(log), odds(limit)));
    }
    if let Some(extra) = extra.filter(|extra| *extra >= 0.5) {
        let extra = about(libm::round(extra));
        let what = reading.map_or(What::Failed, |reading| reading.what);
        told.push(hurt(what, &extra, baseline));
    }
    let over = matches!(stored.state.phase, Phase::Reverted { .. });
    if over {
        told.push(format!("{canary} stays off until someone starts it"));
    }
    told
}

fn hurt(what: What, extra: &str, baseline: &str) -> String {
    let counted = what.counted();
    match what {
        What::SlowerThan(seconds) => {
            let than = seconds_of(seconds);
            format!("Hurt: about {extra} {counted} more took over {than} than on {baseline}")
        }
        What::Failed | What::FailedUsers | What::Mean | What::Level => {
            format!("Hurt: about {extra} {counted} more than {baseline} would have failed")
        }
    }
}

fn past(what: What) -> String {
    match what {
        What::SlowerThan(seconds) => format!("took over {}", seconds_of(seconds)),
        What::Failed | What::FailedUsers | What::Mean | What::Level => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_hurt_and_how() {
        let rows = [
            (What::Failed, "Hurt: about 60 requests more than v1 would have failed"),
            (What::FailedUsers, "Hurt: about 60 users more than v1 would have failed"),
            (What::SlowerThan(0.25), "Hurt: about 60 requests more took over 250 ms than on v1"),
        ];
        for (what, expect) in rows {
            assert_eq!(hurt(what, "60", "v1"), expect);
        }
    }
}
