//! The one function that decides.

use crate::domain::{Actor, Timestamp};
use crate::plan::Program;

use super::draft::Draft;
use super::invariants::invariants;
use super::state::{Command, Event, Latch, Phase, State, Transition};
use crate::domain::Reason;

/// Decides what one event means for a rollout, and refuses its own decision where it breaks a law:
/// then nothing is raised, and a person is told.
pub fn decide(program: &Program, state: &State, event: &Event, now: Timestamp) -> Transition {
    lawful(program, state, event, now, transition(program, state, event, now))
}

/// The decision, or a rollout that stays where it is and waits for a person.
pub(super) fn lawful(
    program: &Program,
    state: &State,
    event: &Event,
    now: Timestamp,
    decided: Transition,
) -> Transition {
    let broken = invariants(program, state, event, &decided.next);
    let Some(law) = broken.into_iter().next() else { return decided };
    // A revert goes on whatever else is wrong.
    if matches!(decided.next.phase, Phase::Reverting { .. }) {
        return decided;
    }
    let mut draft = Draft::new(program, state, now);
    if state.phase.holds_route() && state.latch == Latch::None {
        draft.pause(Reason::Violation { law }, Actor::engine());
    }
    draft.done()
}

/// Pure and total: reads no clock, does no IO, cannot fail. The order of the arms is policy.
pub fn transition(program: &Program, state: &State, event: &Event, now: Timestamp) -> Transition {
    let mut draft = Draft::new(program, state, now);
    match (&state.phase, event) {
        // An end ignores late answers; only a completed rollout can still be taken back.
        (Phase::Completed { return_until, .. }, Event::Command { by, command }) => {
            draft.take_back(*return_until, by, command);
        }
        (Phase::Reverted { .. }, Event::Command { .. }) => {
            draft.refuse("it is reverted already; start the plan again, or `tidegate retry`");
        }
        (Phase::Reverted { .. }, Event::AfterRevertAnswered { answer }) => {
            draft.after_revert_answered(answer);
        }
        (Phase::Completed { .. } | Phase::Reverted { .. }, _) => {}

        // The first reason to revert stays the reason (L7); a kill only raises the latch.
        (Phase::Reverting { .. }, Event::Confirmed { generation })
            if *generation == state.wish.generation =>
        {
            draft.reverted();
        }
        (Phase::Reverting { .. }, Event::Command { by, command: Command::Kill { because } }) => {
            draft.raise_latch(Latch::Kill, by, because);
        }
        (Phase::Reverting { .. }, Event::Command { .. }) => {
            draft.refuse("traffic is going back already; nothing can stop or change that");
        }
        (Phase::Reverting { .. }, Event::Tick) => draft.alarm_late_revert(),
        (Phase::Reverting { .. }, Event::HandEdit { instance, seen }) => {
            draft.hand_edit(instance, *seen);
        }
        (Phase::Reverting { .. }, _) => {}

        // Danger preempts everything else, in every live phase (L8).
        (_, Event::Command { by, command: Command::Kill { because } }) => {
            let because = Reason::Kill { by: by.clone(), because: because.clone() };
            draft.revert(because, by.clone(), Latch::Kill);
        }
        (_, Event::Command { by, command: Command::Revert { because } }) => {
            let because = Reason::Person { by: by.clone(), because: because.clone() };
            draft.revert(because, by.clone(), Latch::Revert);
        }
        (_, Event::Command { by, command: Command::Supersede { by: newer } }) => {
            draft.revert(Reason::Superseded { by: newer.clone() }, by.clone(), Latch::Revert);
        }

        (Phase::Queued, Event::Started { generation }) => draft.begin(*generation),
        (Phase::Queued, Event::Command { .. }) => {
            draft.refuse("it waits for its route; only `revert` can take it out of the queue");
        }
        (Phase::Queued, _) => {}

        (_, Event::Looked(look)) => draft.looked(look),
        (_, Event::HandEdit { instance, seen }) => draft.hand_edit(instance, *seen),
        (_, Event::Confirmed { generation }) => draft.confirmed(*generation),
        (_, Event::HookAnswered { step, answer }) => draft.hook_answered(*step, answer),
        (_, Event::Tick) => draft.time_passed(),
        (_, Event::Command { by, command }) => draft.command(by, command),
        (_, Event::NoHistory { detail }) => {
            draft.note("no-history", Actor::engine(), format!("no history from {detail}"));
        }
        (_, Event::Started { .. } | Event::AfterRevertAnswered { .. }) => {}
    }
    draft.done()
}
