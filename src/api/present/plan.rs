//! Plans and starts, in words.

use super::ladder;
use crate::api::views::{At, PlanView};
use crate::domain::human;
use crate::engine::Phase;
use crate::plan::{Plan, RouteRef, Step};
use crate::store::{PlanRow, Stored};

/// `whole`: with its text.
pub fn plan(row: &PlanRow, whole: bool) -> PlanView {
    let plan = &row.plan;
    PlanView {
        name: plan.name.to_string(),
        revision: row.revision,
        route: route_name(plan),
        owner: plan.owner.clone(),
        inputs: plan.inputs.clone(),
        steps: plan.steps.iter().map(step).collect(),
        checks: plan.checks.iter().map(|check| check.name.to_string()).collect(),
        applied_by: row.by.clone(),
        applied_at: At(row.at),
        text: whole.then(|| row.text.clone()),
    }
}

fn route_name(plan: &Plan) -> String {
    match &plan.route {
        RouteRef::Named(name) => name.to_string(),
        RouteRef::Inline(route) => route.name.to_string(),
    }
}

fn step(step: &Step) -> String {
    match step {
        Step::Shift { to, bake } => format!("{to} for {}", human(*bake)),
        Step::Gate(gate) if gate.approve.is_empty() => "gate".to_owned(),
        Step::Gate(gate) => format!("gate: {}", gate.approve.join(", ")),
        Step::Hook(hook) => format!("call: {}", hook.name),
    }
}

/// `checkout#42 started: v412 → v413, 1 %, 5 %, 25 %, 90 % for 4h`
pub fn start_text(stored: &Stored, behind: Option<&str>) -> String {
    let (name, program) = (&stored.name, &stored.program);
    let steps = program.plan.steps.iter().enumerate();
    let steps: Vec<String> = steps.map(|(at, step)| ladder::label(program, at, step)).collect();
    let what = format!("{} → {}, {}", program.baseline, program.canary, steps.join(", "));
    match behind {
        Some(holder) if matches!(stored.state.phase, Phase::Queued) => {
            format!("{name} waits behind {holder}: {what}")
        }
        _ => format!("{name} started: {what}"),
    }
}
