//! The evidence in full, and what each number means.

use super::{Facts, Retold, line, rollout};
use crate::api::views::{CheckView, CutView, ExplainView, MeansView, RolloutView, TermView};
use crate::engine::rules;
use crate::judge::words::{odds, percent, thousands, times, value};
use crate::store::Stored;

const TERMS: &[(&str, &str)] = &[
    (
        "formula",
        "each look multiplies a bet on \"the canary fails k times as often as tolerated\" by exp(L / dispersion), \
         L = ec ln k - (ec + eb) ln(1 + t (k - 1)), t = r nc / (r nc + nb); e failures, n requests, c canary, b \
         baseline, r tolerated; eight k from 1.12 to 22; evidence is their sum, and the rollout's the checks' average",
    ),
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

/// Of the canary: what fewer do is no share of all that users do.
const FEW_USERS: u64 = 1000;
/// So many looks before the end are told one by one.
pub const EXPLAINED: u64 = 12;

/// `looks`: the last ones, judged again.
pub fn explain(stored: &Stored, facts: &Facts, looks: Retold) -> ExplainView {
    let view = rollout(stored, facts);
    let told = |kind: &str| matches!(kind, "verdict" | "reverting" | "paused" | "passed" | "cut");
    ExplainView {
        story: story(&view, stored),
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

/// What the evidence was computed with, besides the counts.
fn inputs(stored: &Stored) -> Option<String> {
    let memory = &stored.memory;
    memory.judgement.as_ref()?;
    let rules = rules(&stored.program);
    let lives = match memory.evidence.lives() {
        0 => String::new(),
        lives => format!(", twice that for each of {lives} times a person said go on"),
    };
    let harm = memory.harm.map_or(String::new(), |harm| {
        format!("; a step may put {} of all requests at risk", percent(harm))
    });
    Some(format!(
        "Judged by {} looks with alpha {}: it reverts at {}{lives}{harm}.",
        thousands(memory.evidence.looks()),
        percent(rules.alpha),
        odds(libm::log(1.0 / rules.alpha))
    ))
}

fn story(view: &RolloutView, stored: &Stored) -> Vec<String> {
    let RolloutView { name, canary, baseline, headline, .. } = view;
    let mut story = vec![format!("{name} ({baseline} → {canary}): {headline}.")];
    if let Some(finding) = &view.finding {
        story.push(format!("The last look said {}: {}.", finding.kind, finding.sentence));
    }
    if let Some(evidence) = &view.evidence {
        let (text, limit) = (&evidence.text, &evidence.limit_text);
        story.push(format!("Evidence of harm over all checks: {text}; it reverts at {limit}."));
    }
    story.extend(inputs(stored));
    story.extend(view.cuts.iter().map(|cut| cut_told(cut, view)));
    let arms = [canary.as_str(), baseline.as_str()];
    story.extend(view.checks.iter().map(|check| check_told(check, arms)));
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

fn check_told(check: &CheckView, arms: [&str; 2]) -> String {
    if let Some(both) = &check.together {
        let parts = [both.now.as_deref(), both.before.as_deref(), Some(&both.text)];
        let told: Vec<&str> = parts.into_iter().flatten().collect();
        return format!("{}, both arms together: {}.", check.name, told.join(", "));
    }
    let tolerated = check.tolerate.as_ref().map_or(String::new(), |t| format!("; tolerated {t}"));
    match &check.means {
        Some(means) => format!("{}{tolerated}.", means_told(check, means, arms)),
        None => format!("{}{tolerated}.", counts_told(check, arms)),
    }
}

/// Nothing fails in a check of values or levels.
fn means_told(check: &CheckView, means: &MeansView, [canary, baseline]: [&str; 2]) -> String {
    let MeansView { canary: new, baseline: old, canary_events, baseline_events } = means;
    let of = match check.what.as_str() {
        "mean" => {
            format!(", of {} and {} events", thousands(*canary_events), thousands(*baseline_events))
        }
        _ => String::new(),
    };
    let by = match check.judged_by.as_deref() {
        Some("past") => ", judged look by look, by two hours of its replicas' past",
        Some(_) => ", judged by means of 5 minutes",
        None => "",
    };
    let (name, what) = (&check.name, &check.what);
    let (new, old) = (value(*new), value(*old));
    format!("{name}: the {what} is {new} on {canary}, {old} on {baseline}{of}{by}")
}

fn counts_told(check: &CheckView, [canary, baseline]: [&str; 2]) -> String {
    let counts = check.since.as_ref().unwrap_or(&check.step);
    let when = if check.since.is_some() { "since the harm began" } else { "since the step began" };
    let arm = |failures, requests, rate: Option<f64>| {
        let rate = rate.map_or(String::new(), |rate| format!(" = {}", percent(rate)));
        format!("{} of {}{rate}", thousands(failures), thousands(requests))
    };
    let new = arm(counts.canary_failures, counts.canary_requests, counts.canary_rate);
    let old = arm(counts.baseline_failures, counts.baseline_requests, counts.baseline_rate);
    let ratio = counts.ratio.map_or(String::new(), |ratio| format!(", {}", times(ratio)));
    let few = match counts.canary_requests {
        users if check.what == "users failed" && users < FEW_USERS => {
            "; below 1,000 users on the canary a few busy ones decide"
        }
        _ => "",
    };
    let varies = match check.dispersion {
        dispersion if dispersion > 1.0 => {
            format!("; the baseline varies {} chance", times(dispersion))
        }
        _ => String::new(),
    };
    format!("{} {when}: {canary} {new}, {baseline} {old}{ratio}{varies}{few}", check.name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(more: &Value, expect: &str) {
        let none = json!({
            "canary_requests": 0, "canary_failures": 0, "baseline_requests": 0,
            "baseline_failures": 0, "canary_rate": null, "baseline_rate": null, "ratio": null,
        });
        let mut written = json!({
            "name": "basket", "tolerate": "1.1x", "step": none, "since": null, "evidence": null,
            "promotion": null, "dispersion": 1.0,
        });
        let fields = more.as_object().expect("fields").clone();
        written.as_object_mut().expect("fields").extend(fields);
        let view = serde_json::from_value(written).expect("a check");
        assert_eq!(check_told(&view, ["v2", "v1"]), expect);
    }

    #[test]
    fn values_and_levels_are_told_by_their_means() {
        let means = json!({
            "canary": 28.0, "baseline": 39.9, "canary_events": 1313, "baseline_events": 287,
        });
        check(
            &json!({ "what": "mean", "means": means }),
            "basket: the mean is 28 on v2, 39.9 on v1, of 1,313 and 287 events; tolerated 1.1x.",
        );
        check(
            &json!({ "what": "level", "means": means }),
            "basket: the level is 28 on v2, 39.9 on v1; tolerated 1.1x.",
        );
        check(
            &json!({ "what": "level", "means": means, "judged_by": "past" }),
            "basket: the level is 28 on v2, 39.9 on v1, judged look by look, by two hours of its \
             replicas' past; tolerated 1.1x.",
        );
        check(
            &json!({ "what": "level", "means": means, "judged_by": "means" }),
            "basket: the level is 28 on v2, 39.9 on v1, judged by means of 5 minutes; tolerated 1.1x.",
        );
        check(
            &json!({ "what": "failed" }),
            "basket since the step began: v2 0 of 0, v1 0 of 0; tolerated 1.1x.",
        );
    }
}
