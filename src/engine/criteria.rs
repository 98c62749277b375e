//! What the judge is told of a plan: its criteria and its constants.

use std::time::Duration;

use crate::domain::Weight;
use crate::judge::{Criterion, Rules};
use crate::plan::{Item, Of, Plan, Program, Step, Unit};

/// The share in the average of evidence that all segments have together: a fault in one of them is found nearly as
/// soon, and a fault in all hardly later.
const SEGMENTS: f64 = 0.2;

/// One for each of the plan's items, in their order.
pub fn criteria(plan: &Plan) -> Vec<Criterion> {
    let items = plan.items();
    let in_segments = items.iter().filter(|item| item.segment.is_some()).count();
    let everybody = items.iter().filter(|i| i.segment.is_none() && i.check.tolerate.is_some());
    let everybody = everybody.count().max(1);
    let share = if in_segments == 0 { 0.0 } else { SEGMENTS };
    let weight = |item: &Item<'_>| match item.segment {
        None => (1.0 - share) / everybody as f64,
        Some(_) => share / in_segments as f64,
    };
    items.iter().map(|item| criterion(item, weight(item))).collect()
}

/// Limits are held by the whole: a segment is compared alone.
fn criterion(item: &Item<'_>, weight: f64) -> Criterion {
    let check = item.check;
    let limits = if item.segment.is_none() { check.limits.clone() } else { Vec::new() };
    Criterion {
        name: item.name(),
        tolerate: check.tolerate,
        limits,
        weight,
        worse: check.worse,
        may_miss: item.segment.is_some() || matches!(check.of, Of::Route(_)),
        users: check.unit == Unit::User,
        both: check.of != Of::Arms,
        part_of: item.segment.as_ref().map(|_| check.name.to_string()),
    }
}

/// The judge's constants for a plan: looks are counted from its bakes. Where the last step has no control, half of alpha
/// is for the bound that history gives.
pub fn rules(program: &Program) -> Rules {
    let bake = |s: &Step| match s {
        Step::Shift { bake, .. } => *bake,
        Step::Gate(_) | Step::Hook(_) => Duration::ZERO,
    };
    let bakes: Duration = program.plan.steps.iter().map(bake).sum();
    let looks = bakes.as_secs_f64() / program.plan.look.as_secs_f64().max(0.001);
    let rules = Rules::new(looks.clamp(50.0, 3000.0));
    let alpha =
        if program.plan.hold_back == Weight::ZERO { rules.alpha / 2.0 } else { rules.alpha };
    Rules { alpha, ..rules }
}
