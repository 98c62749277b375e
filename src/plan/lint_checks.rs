//! What a plan's checks and segments ask of each other and of the route.

use super::family::Family;
use super::lint::{Finding, error};
use super::model::{Check, Count, Numbers, Of, OnRegression, Plan, Route};

/// What the plan shows by itself.
pub(super) fn alone(plan: &Plan, findings: &mut Vec<Finding>) {
    let comparing: Vec<&Check> = plan.checks.iter().filter(|c| c.tolerate.is_some()).collect();
    let weak = |c: &&Check| c.numbers.family() == Family::Level;
    let Some(first) = comparing.first().filter(|_| comparing.iter().all(weak)) else { return };
    findings.push(error(
        &format!("checks.{}", first.name),
        "levels are weak evidence: they vote against a canary, never alone for it",
        "add a check of failures, latency or values, such as `errors: { tolerate: 1.1x }`",
    ));
}

/// What the route cannot do.
pub(super) fn on(plan: &Plan, route: &Route, findings: &mut Vec<Finding>) {
    if plan.on_regression == OnRegression::RevertSegment && !route.split.abilities().segments {
        findings.push(error(
            "on_regression",
            format!("the splitter of route `{}` cannot cut one segment off", route.name),
            "write `on_regression: revert`, or split by `flag` or `pull`",
        ));
    }
    if plan.segments.contains_key(&route.arm.label) {
        findings.push(error(
            "segments",
            format!("`{}` tells the arms of route `{}` apart", route.arm.label, route.name),
            "write an attribute of users or requests",
        ));
    }
    if !plan.segments.is_empty() && route.count == Some(Count::Haproxy) {
        blind_in_segments(plan, findings);
    }
}

/// A proxy counts by backend: it knows no attribute.
fn blind_in_segments(plan: &Plan, findings: &mut Vec<Finding>) {
    let by_proxy =
        |c: &&Check| c.tolerate.is_some() && c.of == Of::Arms && c.numbers == Numbers::Route;
    let blind: Vec<(String, &str)> = match &plan.checks[..] {
        [] => vec![("segments".to_owned(), "errors")],
        checks => checks
            .iter()
            .filter(by_proxy)
            .map(|c| (format!("checks.{}", c.name), c.name.as_str()))
            .collect(),
    };
    findings.extend(blind.into_iter().map(|(subject, name)| {
        let message = format!("check `{name}` is counted by HAProxy, which knows no segments");
        let mend =
            "write `source: push`, or `failures:` and `requests:` with `{$arm}` in the check";
        error(&subject, message, mend)
    }));
}
