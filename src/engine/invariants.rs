//! The laws that can be seen in one transition. Run after every one, in production too.

use std::time::Duration;

use super::state::{Command, Event, Latch, Phase, State};
use crate::domain::{Reason, Weight};
use crate::plan::{GateTimeout, Program, Step};

/// The laws that going from `before` to `after` breaks; empty for every transition there should be.
pub fn invariants(program: &Program, before: &State, event: &Event, after: &State) -> Vec<String> {
    let checks = [
        stopping(before, after),
        revert_ends(before, event, after),
        reason_stays(before, after),
        wish_in_bounds(program, after),
        steps_pass(program, before, event, after),
        steps_in_order(program, before, event, after),
        generation_fences(before, event, after),
        bake_is_earned(program, before, event, after),
        steps_back(before, event, after),
        ends_stay(before, after),
        cuts_stay(before, after),
    ];
    checks.into_iter().flatten().collect()
}

fn broken(holds: bool, law: &str) -> Option<String> {
    (!holds).then(|| law.to_owned())
}

/// What a rollout does, whether or not it is paused at it.
fn under_way(phase: &Phase) -> &Phase {
    match phase {
        Phase::Paused { was, .. } => was,
        phase => phase,
    }
}

fn stopping(before: &State, after: &State) -> Option<String> {
    let stopped = after.latch > Latch::None;
    let back = matches!(after.phase, Phase::Reverting { .. } | Phase::Reverted { .. });
    broken(after.latch >= before.latch, "L1: the latch fell")
        .or_else(|| broken(stopped == back, "L1: stopped and going back are not the same"))
        .or_else(|| {
            broken(!back || after.wish.weight == Weight::ZERO, "L1: going back, not to 0 %")
        })
}

/// Nobody was ever sent over, or everybody has confirmed that nobody is any more.
fn revert_ends(before: &State, event: &Event, after: &State) -> Option<String> {
    let ended = |s: &State| matches!(s.phase, Phase::Reverted { .. });
    if ended(before) || !ended(after) {
        return None;
    }
    let told =
        matches!(event, Event::Confirmed { generation } if *generation == before.wish.generation);
    let confirmed = told && matches!(before.phase, Phase::Reverting { .. });
    broken(confirmed || after.first_exposed_at.is_none(), "L2: reverted before it was confirmed")
}

fn reason(state: &State) -> Option<&Reason> {
    match &state.phase {
        Phase::Reverting { because, .. } | Phase::Reverted { because, .. } => Some(because),
        _ => None,
    }
}

fn reason_stays(before: &State, after: &State) -> Option<String> {
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

/// A gate opens by somebody who may or as its time-out says, a hook by success; nothing opens while paused.
fn steps_pass(program: &Program, before: &State, event: &Event, after: &State) -> Option<String> {
    let waits =
        |s: &State| matches!(under_way(&s.phase), Phase::Gated { .. } | Phase::Calling { .. });
    let entered = after.entered > before.entered;
    let passed = entered || (waits(before) && leaves_a_step(&after.phase));
    if !passed || is_promote(event) {
        return None;
    }
    match &before.phase {
        Phase::Gated { step, .. } => {
            broken(gate_opens(program, *step, before, event), "L3: a gate was passed")
        }
        Phase::Calling { .. } => {
            let answered = matches!(event, Event::HookAnswered { answer: Ok(_), .. });
            broken(answered, "L3: a hook was passed")
        }
        Phase::Paused { .. } => broken(!entered, "L3: a step was taken while paused"),
        _ => None,
    }
}

fn gate_opens(program: &Program, step: usize, before: &State, event: &Event) -> bool {
    match event {
        Event::Command { by, command: Command::Approve { .. } } => *by != before.started_by,
        Event::Tick => matches!(
            program.plan.steps.get(step),
            Some(Step::Gate(gate)) if gate.then == GateTimeout::Pass
        ),
        _ => false,
    }
}

/// Whether a rollout that was at a step is past it: neither at one of its own, nor paused, nor going back.
fn leaves_a_step(phase: &Phase) -> bool {
    matches!(phase, Phase::Waiting { .. } | Phase::Finishing { .. } | Phase::Completed { .. })
}

fn is_promote(event: &Event) -> bool {
    matches!(event, Event::Command { command: Command::Promote { .. }, .. })
}

fn steps_in_order(
    program: &Program,
    before: &State,
    event: &Event,
    after: &State,
) -> Option<String> {
    let one = after.entered == before.entered || after.entered == before.entered + 1;
    let named = after.promoted_by == before.promoted_by || is_promote(event);
    let last = matches!(under_way(&after.phase), Phase::Finishing { .. } | Phase::Completed { .. });
    let all = after.entered >= program.plan.steps.len() || after.promoted_by.is_some();
    broken(one, "L4: a step was skipped or entered twice")
        .or_else(|| broken(named, "L4: promoted by nobody's command"))
        .or_else(|| broken(!last || all, "L4: at the end before every step"))
}

fn generation_fences(before: &State, event: &Event, after: &State) -> Option<String> {
    let (old, new) = (before.wish, after.wish);
    if matches!(before.phase, Phase::Queued) {
        return broken(new.confirmed_at.is_none(), "L5: in force before it was sent");
    }
    let fresh = new.generation > old.generation;
    let confirmed = new.confirmed_at.is_some();
    let told = matches!(event, Event::Confirmed { generation } if *generation == old.generation);
    broken(new.generation >= old.generation, "L5: the generation fell")
        .or_else(|| {
            broken(fresh || old.weight == new.weight, "L5: another split under an old generation")
        })
        .or_else(|| broken(!(fresh && confirmed), "L5: in force before it was sent"))
        .or_else(|| {
            broken(
                !confirmed || old.confirmed_at.is_some() || told,
                "L5: in force, and nobody said so",
            )
        })
}

fn bake_is_earned(
    program: &Program,
    before: &State,
    event: &Event,
    after: &State,
) -> Option<String> {
    let bake = |s: &State| match under_way(&s.phase) {
        Phase::Baking { step, earned, .. } => Some((*step, *earned)),
        _ => None,
    };
    let watched = match (&before.phase, event) {
        (Phase::Baking { .. }, Event::Looked(look))
            if look.generation == before.wish.generation && before.wish.confirmed_at.is_some() =>
        {
            look.lasting.saturating_add(look.waited)
        }
        _ => Duration::ZERO,
    };
    let had = bake(before).map(|(step, earned)| (step, earned.saturating_add(watched)));
    if let Some((step, earned)) = bake(after) {
        let most = had.filter(|(was, _)| *was == step).map_or(Duration::ZERO, |(_, had)| had);
        return broken(earned <= most, "L6: more was earned than watched");
    }
    let (Phase::Baking { .. }, Some((step, had))) = (&before.phase, had) else { return None };
    let moved_on = after.entered > before.entered || leaves_a_step(&after.phase);
    let Some(needed) = program.bake(step) else {
        return broken(false, "L6: a step bakes that is no shift");
    };
    broken(!moved_on || is_promote(event) || had >= needed, "L6: a bake was cut short")
}

/// A step back only lowers, and only a person takes it back; going back to 0 % needs nobody.
fn steps_back(before: &State, event: &Event, after: &State) -> Option<String> {
    let stands = |s: &State| s.stepped_back.as_ref().is_some_and(|back| back.stands);
    let times = |s: &State| s.stepped_back.as_ref().map_or(0, |back| back.times);
    let lowered = after.wish.weight < before.wish.weight;
    let sent_on = matches!(
        event,
        Event::Command { command: Command::Resume { .. } | Command::Promote { .. }, .. }
    );
    let ended = stands(before) && !stands(after);
    let raised = stands(before) && after.wish.weight > before.wish.weight;
    broken(times(after) == times(before) || lowered, "L9: a step back that did not lower")
        .or_else(|| broken(!(ended || raised) || sent_on, "L3: up again by nobody's command"))
}

fn ends_stay(before: &State, after: &State) -> Option<String> {
    let stays = match before.phase {
        Phase::Reverted { .. } => before.phase == after.phase,
        Phase::Completed { .. } => {
            before.phase == after.phase || matches!(after.phase, Phase::Reverting { .. })
        }
        _ => true,
    };
    broken(stays, "an ended rollout moved")
}

fn cuts_stay(before: &State, after: &State) -> Option<String> {
    let (old, new) = (&before.cuts, &after.cuts);
    let cut = new.len() > old.len();
    let fenced = new.last().is_some_and(|c| c.since == after.wish.generation)
        && after.wish.generation > before.wish.generation;
    broken(new.starts_with(old), "L11: a segment that was cut came back")
        .or_else(|| broken(new.len() <= 1, "L11: a second segment was cut alone"))
        .or_else(|| broken(!cut || fenced, "L5: a segment was cut under an old generation"))
        .or_else(|| {
            let kept = before.wish.weight == after.wish.weight;
            broken(!cut || kept, "L3: the others' share changed with a cut")
        })
}
