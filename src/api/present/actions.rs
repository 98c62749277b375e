//! What one can do now, as commands to paste. The most likely one comes first.

use super::Facts;
use crate::api::views::ActionView;
use crate::domain::{RolloutName, Weight};
use crate::engine::{Phase, State};
use crate::plan::{Program, Step};

pub(super) fn actions(
    name: &RolloutName,
    program: &Program,
    state: &State,
    facts: &Facts,
) -> Vec<ActionView> {
    // In flight there is one at most: the plan's name is enough.
    let short = if state.phase.holds_route() { name.plan.to_string() } else { name.to_string() };
    let act = |verb: &str, text: &str| action(verb, format!("tidegate {verb} {short}"), text);
    let revert = || act("revert", &format!("everybody back to {}", program.baseline));
    let mut actions = match &state.phase {
        Phase::Queued => vec![act("revert", "take it out of the queue")],
        Phase::Gated { step, .. } => vec![approve(program, *step, &short), revert()],
        Phase::Paused { .. } => vec![act("resume", "go on where it stopped"), revert()],
        Phase::Waiting { .. }
        | Phase::Calling { .. }
        | Phase::Shifting { .. }
        | Phase::Baking { .. } => vec![
            act("pause", "hold this weight"),
            revert(),
            act("promote", "skip what is left, everybody to the new version"),
        ],
        Phase::Finishing { .. } => vec![revert()],
        Phase::Reverting { .. } => Vec::new(),
        Phase::Completed { return_until, .. } if facts.now <= *return_until => vec![revert()],
        Phase::Completed { .. } => Vec::new(),
        Phase::Reverted { .. } => vec![retry(program, state, &short)],
    };
    if let Some(kill) = &facts.kill {
        let text = "let rollouts have the route again";
        let command = format!("tidegate unkill {}", kill.route);
        actions.insert(0, action("unkill", command, text));
    }
    let explain = act("explain", "the evidence in full");
    // Who reads that a segment was cut asks why first.
    let first = !state.cuts.is_empty() && is_going(&state.phase);
    actions.insert(if first { 0 } else { actions.len() }, explain);
    actions
}

/// On its way by itself, and not back.
fn is_going(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Waiting { .. }
            | Phase::Calling { .. }
            | Phase::Shifting { .. }
            | Phase::Baking { .. }
            | Phase::Finishing { .. }
    )
}

fn action(name: &str, command: String, text: &str) -> ActionView {
    ActionView { name: name.to_owned(), command, text: text.to_owned() }
}

fn approve(program: &Program, step: usize, name: &str) -> ActionView {
    let mut command = format!("tidegate approve {name}");
    if let Some(Step::Gate(gate)) = program.plan.steps.get(step) {
        for ask in &gate.asks {
            command.push_str(&format!(" --answer {}", ask.to_uppercase()));
        }
    }
    action("approve", command, "let it go on")
}

/// From the last step it had passed, where it had.
fn retry(program: &Program, state: &State, name: &str) -> ActionView {
    let entered = program.plan.steps.iter().take(state.entered.saturating_sub(1));
    let passed = entered.rev().find_map(|step| match step {
        Step::Shift { to, .. } if *to > Weight::ZERO => Some(*to),
        _ => None,
    });
    let from =
        passed.map_or(String::new(), |w| format!(" --from {}", w.to_string().replace(' ', "")));
    action("retry", format!("tidegate retry {name}{from}"), "a new rollout of the same version")
}
