//! The steps as they will run: the hold-back shown, the last share after it.

use std::time::Duration;

use crate::api::views::{StepState, StepView};
use crate::domain::{Weight, human};
use crate::engine::{Phase, State};
use crate::plan::{Program, Step};

pub(super) fn ladder(program: &Program, state: &State) -> Vec<StepView> {
    let steps = program.plan.steps.iter().enumerate();
    let mut ladder: Vec<StepView> =
        steps.map(|(at, step)| view(program, at, step, stands(state, at))).collect();
    if let Some(finish) = finish(program, state) {
        ladder.push(finish);
    }
    ladder
}

fn view(program: &Program, at: usize, step: &Step, state: StepState) -> StepView {
    let (mut approve, mut asks) = (Vec::new(), Vec::new());
    let (mut weight, mut length) = (None, None);
    let label = label(program, at, step);
    let kind = match step {
        Step::Shift { to, bake } => {
            weight = Some(program.baked_weight(at).unwrap_or(*to).ppm());
            length = Some(bake.as_secs_f64());
            "shift"
        }
        Step::Gate(gate) => {
            approve.clone_from(&gate.approve);
            asks.clone_from(&gate.asks);
            "gate"
        }
        Step::Hook(_) => "call",
    };
    StepView {
        kind: kind.to_owned(),
        label,
        weight_ppm: weight,
        bake_seconds: length,
        approve,
        asks,
        state,
    }
}

/// `25 %`, `90 % for 4h` where the baseline is held back, `gate payments-leads`, `call expand`.
pub(super) fn label(program: &Program, at: usize, step: &Step) -> String {
    match step {
        Step::Shift { to, bake } => match program.baked_weight(at).unwrap_or(*to) {
            baked if baked != *to => format!("{baked} for {}", human(*bake)),
            baked => baked.to_string(),
        },
        Step::Gate(gate) if gate.approve.is_empty() => "gate".to_owned(),
        Step::Gate(gate) => format!("gate {}", gate.approve.join(", ")),
        Step::Hook(hook) => format!("call {}", hook.name),
    }
}

/// The share that was held back follows its bake.
fn finish(program: &Program, state: &State) -> Option<StepView> {
    let last = program.plan.steps.iter().rposition(|s| matches!(s, Step::Shift { .. }))?;
    let held = program.baked_weight(last)? < Weight::FULL;
    let full =
        matches!(program.plan.steps.get(last), Some(Step::Shift { to, .. }) if *to == Weight::FULL);
    let stands = match going(&state.phase) {
        Phase::Completed { .. } => StepState::Done,
        Phase::Finishing { .. } => StepState::Current,
        _ => StepState::Ahead,
    };
    (held && full).then(|| StepView {
        kind: "finish".to_owned(),
        label: Weight::FULL.to_string(),
        weight_ppm: Some(Weight::FULL.ppm()),
        bake_seconds: Some(Duration::ZERO.as_secs_f64()),
        approve: Vec::new(),
        asks: Vec::new(),
        state: stands,
    })
}

fn stands(state: &State, at: usize) -> StepState {
    if at < state.begins_at || (state.promoted_by.is_some() && at >= state.entered) {
        return StepState::Skipped;
    }
    match current(state) {
        Some(current) if at == current => StepState::Current,
        Some(current) if at < current => StepState::Done,
        None if at < state.entered => StepState::Done,
        _ => StepState::Ahead,
    }
}

/// Where it is, or where a revert found it; `None` when no step is under way.
fn current(state: &State) -> Option<usize> {
    match going(&state.phase) {
        Phase::Waiting { step, from, .. } => Some(from.unwrap_or(*step)),
        Phase::Gated { step, .. }
        | Phase::Calling { step, .. }
        | Phase::Shifting { step, .. }
        | Phase::Baking { step, .. } => Some(*step),
        Phase::Reverting { .. } | Phase::Reverted { .. } if state.promoted_by.is_none() => {
            state.entered.checked_sub(1)
        }
        _ => None,
    }
}

/// The phase itself, or the one a pause interrupted.
pub(super) fn going(phase: &Phase) -> &Phase {
    match phase {
        Phase::Paused { was, .. } => going(was),
        phase => phase,
    }
}
