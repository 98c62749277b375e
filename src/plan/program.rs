//! A plan and what a start gives -> what runs.

use std::collections::BTreeMap;

use crate::domain::Side;

use super::fill::{fill, fill_json, fill_url};
use super::lint::{Finding, lint};
use super::model::{Hook, Plan, Program, Route, Used};
use super::near::nearest;
use super::problem::{Severity, quoted};
use super::read_checks::default_check;
use super::scalar;
use super::shared::{shared_checks, uses};

/// Fills in the inputs, names both arms and gives the canary the idle side.
///
/// `serving` is the side that serves now, `serving_label` what is known to run there; without one the route's
/// `serves` counts. `known` are the routes that the rollout may watch beside its own: those of `used_by`.
///
/// # Errors
/// Every reason why it cannot start, each a sentence that says what to write.
pub fn program(
    plan: &Plan,
    route: &Route,
    inputs: &BTreeMap<String, String>,
    serving: Side,
    serving_label: Option<&str>,
    known: &[Used],
) -> Result<Program, Vec<String>> {
    let wrong = lint(plan, Some(route)).into_iter().filter(|f| f.severity == Severity::Error);
    let mut told: Vec<String> = wrong.map(|f| sentence(&f)).collect();
    told.extend(input_mistakes(plan, inputs));
    let canary = canary(plan, route, inputs);
    let baseline = baseline(route, serving_label);
    if baseline.is_none() {
        told.push(format!(
            "nobody knows what route {0} serves now: write `serves: VERSION` in the route {0}",
            route.name
        ));
    }
    match (canary, baseline) {
        (Some(canary), Some(baseline)) if canary == baseline => {
            told.push(format!("route {} serves {canary} already", route.name));
        }
        (Some(canary), Some(baseline)) if told.is_empty() => {
            let (inputs, route) = (inputs.clone(), route.clone());
            let uses = uses(&route, known);
            let plan = with_default_checks(plan, &route, &uses);
            return Ok(Program {
                plan,
                route,
                inputs,
                canary_side: serving.other(),
                canary,
                baseline,
                uses,
            });
        }
        _ => {}
    }
    Err(told)
}

fn sentence(finding: &Finding) -> String {
    format!("{}: {}", finding.message, finding.mend)
}

fn input_mistakes(plan: &Plan, inputs: &BTreeMap<String, String>) -> Vec<String> {
    let missing = plan.inputs.iter().filter(|name| !inputs.contains_key(*name));
    let missing = missing.map(|name| {
        format!("input {name} is missing: write `tidegate start {} {name}=…`", plan.name)
    });
    let known = || plan.inputs.iter().map(String::as_str);
    let strange = inputs.keys().filter(|name| !plan.inputs.contains(name)).map(|name| {
        let mend = match nearest(name, known()) {
            Some(near) => format!("did you mean {near}=…?"),
            None if plan.inputs.is_empty() => "it has none".to_owned(),
            None => format!("it has {}", plan.inputs.join(", ")),
        };
        format!("{} is no input of plan {}: {mend}", quoted(name), plan.name)
    });
    let bad = inputs.iter().filter_map(|(name, value)| {
        let single_line = !value.contains(['\n', '\t']) && value.len() <= 200;
        let fits = scalar::text(value).is_ok() && single_line;
        (!fits).then(|| {
            format!(
                "input {} cannot be {}: write 1 to 200 characters on one line",
                quoted(name),
                quoted(value)
            )
        })
    });
    missing.chain(strange).chain(bad).collect()
}

fn canary(plan: &Plan, route: &Route, inputs: &BTreeMap<String, String>) -> Option<String> {
    let written = route.arm.canary.as_ref().or(plan.canary.as_ref())?;
    if route.arm.canary.is_some() {
        return Some(written.clone());
    }
    Some(fill(written, |name| inputs.get(name).cloned()))
}

fn baseline(route: &Route, serving_label: Option<&str>) -> Option<String> {
    let known = serving_label.map(str::to_owned).or_else(|| route.serves.clone());
    route.arm.baseline.clone().or(known)
}

/// A plan without checks is judged on the errors its route counts; any is watched for harm to both arms.
fn with_default_checks(plan: &Plan, route: &Route, uses: &[Used]) -> Plan {
    let mut whole = plan.clone();
    if plan.checks.is_empty() && route.count.is_some() {
        whole.checks.extend(default_check());
    }
    whole.checks.extend(shared_checks(plan, route, uses));
    whole
}

impl Program {
    /// The address and body of a hook with its `$name`s filled in: the inputs, then what `running` knows of
    /// [`RUNTIME_NAMES`](super::RUNTIME_NAMES). A name that neither knows stays as written.
    pub fn call(
        &self,
        hook: &Hook,
        running: impl Fn(&str) -> Option<String>,
    ) -> (String, Option<serde_json::Value>) {
        let value = |name: &str| self.inputs.get(name).cloned().or_else(|| running(name));
        (fill_url(&hook.call, value), hook.body.as_ref().map(|body| fill_json(body, &value)))
    }
}
