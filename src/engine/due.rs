//! When time alone next means something to a rollout.

use super::draft::REVERT_ALARM;
use super::state::{Phase, State};
use crate::domain::Timestamp;
use crate::plan::{Program, Step};

/// The next instant at which a [`Tick`](super::Event::Tick) may change something; `None`: never.
pub fn due(program: &Program, state: &State) -> Option<Timestamp> {
    let phase = match &state.phase {
        Phase::Queued | Phase::Completed { .. } | Phase::Reverted { .. } => return None,
        Phase::Reverting { since, alarmed, .. } => {
            return (!alarmed).then(|| since.plus(REVERT_ALARM));
        }
        Phase::Gated { step, since } => match program.plan.steps.get(*step) {
            Some(Step::Gate(gate)) => Some(since.plus(gate.timeout)),
            _ => None,
        },
        Phase::Waiting { until, .. } => Some(*until),
        Phase::Calling { .. }
        | Phase::Shifting { .. }
        | Phase::Baking { .. }
        | Phase::Finishing { .. }
        | Phase::Paused { .. } => None,
    };
    let give_up =
        program.plan.give_up_after.zip(state.began_at).map(|(after, began)| began.plus(after));
    phase.into_iter().chain(give_up).min()
}
