//! The laws that can be seen in one transition. Run after every one, in production too.

use std::time::Duration;

use super::state::{Event, Latch, Phase, State};
use crate::domain::Weight;
use crate::plan::{Program, Step};

/// The laws that going from `before` to `after` breaks; empty for every transition there should be.
pub fn invariants(program: &Program, before: &State, event: &Event, after: &State) -> Vec<String> {
    let checks = [
        stopping(before, after),
        reason_stays(before, after),
        wish_in_bounds(program, after),
        steps_in_order(before, after),
        generation_fences(before, after),
        bake_is_earned(program, before, event, after),
        ends_stay(before, after),
    ];
    checks.into_iter().flatten().collect()
}

fn broken(holds: bool, law: &str) -> Option<String> {
    (!holds).then(|| law.to_owned())
}

fn stopping(before: &State, after: &State) -> Option<String> {
    let stopped = after.latch > Latch::None;
    let back = after.wish.weight == Weight::ZERO
        && matches!(after.phase, Phase::Reverting { .. } | Phase::Reverted { .. });
    broken(after.latch >= before.latch, "L1: the latch fell")
        .or_else(|| broken(!stopped || back, "L1: stopped, but not going back"))
}

fn reason_stays(before: &State, after: &State) -> Option<String> {
    let reason = |s: &State| match &s.phase {
        Phase::Reverting { because, .. } | Phase::Reverted { because, .. } => Some(because.clone()),
        _ => None,
    };
    broken(reason(before).is_none() || reason(before) == reason(after), "L7: the reason changed")
}

/// L3, counted from the plan anew rather than from what the state says of itself.
fn wish_in_bounds(program: &Program, after: &State) -> Option<String> {
    let entered = program.plan.steps.iter().take(after.entered);
    let allowed = entered.filter_map(|s| match s {
        Step::Shift { to, .. } => Some(*to),
        Step::Gate(_) | Step::Hook(_) => None,
    });
    let allowed = allowed.max().unwrap_or(Weight::ZERO);
    let promoted = after.promoted_by.is_some();
    broken(promoted || after.wish.weight <= allowed, "L3: the wish exceeds the steps entered")
}

fn steps_in_order(before: &State, after: &State) -> Option<String> {
    let one = after.entered == before.entered || after.entered == before.entered + 1;
    broken(one, "L4: a step was skipped or entered twice")
}

fn generation_fences(before: &State, after: &State) -> Option<String> {
    let began = matches!(before.phase, Phase::Queued);
    let (old, new) = (before.wish, after.wish);
    let changed = old.weight != new.weight;
    broken(began || new.generation >= old.generation, "L5: the generation fell").or_else(|| {
        let fresh = new.generation > old.generation && new.confirmed_at.is_none();
        broken(began || !changed || fresh, "L5: another split under an old generation")
    })
}

fn bake_is_earned(
    program: &Program,
    before: &State,
    event: &Event,
    after: &State,
) -> Option<String> {
    let Phase::Baking { step, earned, .. } = before.phase else { return None };
    let added = match event {
        Event::Looked(look) if look.generation == before.wish.generation => look.lasting,
        _ => Duration::ZERO,
    };
    let moved_on = after.entered > before.entered || matches!(after.phase, Phase::Finishing { .. });
    let Some(Step::Shift { bake, .. }) = program.plan.steps.get(step) else {
        return broken(false, "L6: a step bakes that is no shift");
    };
    let promoted = after.promoted_by != before.promoted_by;
    broken(!moved_on || promoted || earned + added >= *bake, "L6: a bake was cut short").or_else(
        || {
            let Phase::Baking { step: now, earned: then, .. } = after.phase else { return None };
            broken(now != step || then <= earned + added, "L6: more was earned than watched")
        },
    )
}

fn ends_stay(before: &State, after: &State) -> Option<String> {
    let stays = match before.phase {
        Phase::Reverted { .. } => before.phase == after.phase,
        Phase::Completed { .. } => {
            before.phase == after.phase
                || matches!(after.phase, Phase::Reverting { .. } | Phase::Reverted { .. })
        }
        _ => true,
    };
    broken(stays, "an ended rollout moved")
}
