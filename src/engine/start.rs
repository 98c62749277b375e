//! A rollout before anything happened to it.

use std::time::Duration;

use super::state::{Latch, Phase, State, Wish};
use crate::domain::{Actor, Timestamp, Weight};

/// Queued for its route. `begins_at`: the first step it takes.
pub fn initial(by: Actor, begins_at: usize, now: Timestamp) -> State {
    State {
        phase: Phase::Queued,
        latch: Latch::None,
        wish: Wish { weight: Weight::ZERO, generation: Default::default(), confirmed_at: None },
        reached: Weight::ZERO,
        entered: begins_at,
        promoted_by: None,
        begins_at,
        started_by: by,
        started_at: now,
        began_at: None,
        first_exposed_at: None,
        finding: None,
        doubt: None,
        silent: Duration::ZERO,
        yields: false,
        lives: 0,
        journalled_at: now,
        stepped_back: None,
        swapped: false,
        cuts: Vec::new(),
    }
}
