//! The evidence in full, and what each number means.

use super::{Facts, Retold, line, rollout};
use crate::api::views::{CheckView, CutView, ExplainView, RolloutView, TermView};
use crate::judge::words::{percent, thousands, times, value};
use crate::store::Stored;

const TERMS: &[(&str, &str)] = &[
    (
        "evidence",
        "odds that the canary is worse than tolerated; a version within the tolerance reaches the limit in at most 1 of \
         100 rollouts, however often one looks",
    ),
    ("since the harm began", "chosen afterwards: from where the evidence starts to rise"),
    ("tolerated", "how much worse than the baseline the canary may be"),
    (
        "must rule out",
        "the excess of failures that the next step could not afford; it opens once that much is excluded at 20 : 1",
    ),
    (
        "before",
        "of both arms together: the hour before the first shift, kept as it was then; harm in both cannot be seen by \
         comparing them",
    ),
    (
        "dispersion",
        "how much more than chance the baseline itself varies; the evidence is slowed by as much",
    ),
    (
        "hurt",
        "failures of the canary beyond what the baseline would have failed of the same requests",
    ),
];

/// So many looks before the end are told one by one.
pub const EXPLAINED: u64 = 12;

/// `looks`: the last ones, judged again.
pub fn explain(stored: &Stored, facts: &Facts, looks: Retold) -> ExplainView {
    let view = rollout(stored, facts);
    let told = |kind: &str| matches!(kind, "verdict" | "reverting" | "paused" | "passed" | "cut");
    ExplainView {
        story: story(&view),
        verdicts: facts.journal.iter().filter(|l| told(&l.entry.kind)).map(line).collect(),
        looks_of: looks_of(&view),
        looks: looks.looks,
        recomputed: Some(looks.recomputed),
        terms: terms(),
        rollout: view,
    }
}

/// The check that showed harm, else the first that compares.
fn looks_of(view: &RolloutView) -> Option<String> {
    let harmful = view.revert.as_ref().and_then(|revert| revert.check.clone());
    let compares = || view.checks.iter().find(|check| check.tolerate.is_some());
    harmful.or_else(|| compares().map(|check| check.name.clone()))
}

fn terms() -> Vec<TermView> {
    let term = |(term, meaning): &(&str, &str)| TermView {
        term: (*term).to_owned(),
        meaning: (*meaning).to_owned(),
    };
    TERMS.iter().map(term).collect()
}

fn story(view: &RolloutView) -> Vec<String> {
    let RolloutView { name, canary, baseline, headline, .. } = view;
    let mut story = vec![format!("{name} ({baseline} → {canary}): {headline}.")];
    if let Some(finding) = &view.finding {
        story.push(format!("The last look said {}: {}.", finding.kind, finding.sentence));
    }
    if let Some(evidence) = &view.evidence {
        let (text, limit) = (&evidence.text, &evidence.limit_text);
        story.push(format!("Evidence of harm over all checks: {text}; it reverts at {limit}."));
    }
    story.extend(view.cuts.iter().map(|cut| cut_told(cut, view)));
    story.extend(view.checks.iter().map(|check| check_told(check, view)));
    if let Some(revert) = &view.revert {
        story.push(format!("Decided by {} at {}.", revert.by, revert.decided_at.0));
        story.extend(revert.sentences.iter().map(|sentence| format!("{sentence}.")));
    }
    story.extend(no_shared_harm(view));
    story.extend(view.waits_for.iter().map(|what| format!("It waits for: {what}.")));
    story
}

fn cut_told(cut: &CutView, view: &RolloutView) -> String {
    let CutView { attribute, value, since, sentence } = cut;
    format!(
        "{attribute} {value} is kept on {} since {}: {sentence}. From then on it is left out of every comparison, and \
         evidence starts anew against twice the odds.",
        view.baseline, since.0
    )
}

/// Of a revert: that both arms together are as they were, so that it was no harm to both.
fn no_shared_harm(view: &RolloutView) -> Option<String> {
    view.revert.as_ref()?;
    let both = || view.checks.iter().filter_map(|c| Some((&c.name, c.together.as_ref()?)));
    if both().any(|(_, both)| both.worse) {
        return None;
    }
    let calm = both().filter(|(_, both)| both.before.is_some()).map(|(name, _)| name.as_str());
    let calm: Vec<&str> = calm.collect();
    (!calm.is_empty()).then(|| format!("Ruled out: shared harm ({} as before).", calm.join(", ")))
}

fn check_told(check: &CheckView, view: &RolloutView) -> String {
    if let Some(both) = &check.together {
        let parts = [both.now.as_deref(), both.before.as_deref(), Some(&both.text)];
        let told: Vec<&str> = parts.into_iter().flatten().collect();
        return format!("{}, both arms together: {}.", check.name, told.join(", "));
    }
    let tolerated = check.tolerate.as_ref().map_or(String::new(), |t| format!("; tolerated {t}"));
    let level = level_told(check, &view.canary.to_string(), &view.baseline.to_string());
    if let Some(level) = level {
        return format!("{level}{tolerated}.");
    }
    let counts = check.since.as_ref().unwrap_or(&check.step);
    let when = if check.since.is_some() { "since the harm began" } else { "since the step began" };
    let arm = |failures, requests, rate: Option<f64>| {
        let rate = rate.map_or(String::new(), |rate| format!(" = {}", percent(rate)));
        format!("{} of {}{rate}", thousands(failures), thousands(requests))
    };
    let canary = arm(counts.canary_failures, counts.canary_requests, counts.canary_rate);
    let baseline = arm(counts.baseline_failures, counts.baseline_requests, counts.baseline_rate);
    let ratio = counts.ratio.map_or(String::new(), |ratio| format!(", {}", times(ratio)));
    format!(
        "{} {when}: {} {canary}, {} {baseline}{ratio}{tolerated}.",
        check.name, view.canary, view.baseline
    )
}

/// A level has nothing to count.
fn level_told(check: &CheckView, canary: &str, baseline: &str) -> Option<String> {
    let (means, name) = (check.means.as_ref()?, &check.name);
    let by = match check.judged_by.as_deref()? {
        "past" => "look by look, by two hours of its replicas' past",
        _ => "by means of 5 minutes",
    };
    let [ours, theirs] = [means.canary, means.baseline].map(value);
    Some(format!("{name}: {canary} {ours}, {baseline} {theirs}, judged {by}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(by: &str, expect: &str) {
        let view = serde_json::json!({
            "name": "memory", "what": "level", "dispersion": 1.0, "judged_by": by,
            "step": crate::api::views::CountsView::default(),
            "means": { "canary": 24.13, "baseline": 20.0, "canary_events": 9, "baseline_events": 9 },
        });
        let view: CheckView = serde_json::from_value(view).expect("a check");
        assert_eq!(level_told(&view, "v413", "v412").as_deref(), Some(expect));
    }

    #[test]
    fn a_level_says_what_its_noise_is_judged_by() {
        let told = "memory: v413 24.1, v412 20, judged";
        check("past", &format!("{told} look by look, by two hours of its replicas' past"));
        check("means", &format!("{told} by means of 5 minutes"));
    }
}
