//! One live rollout in memory: what is stored of it, what waits for it, what is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::core::Now;
use crate::clock::Mono;
use crate::engine::{Answer, Ask, Event, Past, Phase, asks};
use crate::store::Stored;

/// Looks that changed nothing worth a journal line are stored at most this often.
pub(super) const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// After the store failed, before it is asked again.
pub(super) const STORE_RETRY: Duration = Duration::from_millis(500);

/// Something to be decided, in order.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Event(Event),
    /// Numbers are weighed when their turn comes, against the newest state.
    Answer {
        answer: Answer,
        lasting: Duration,
        lag: Duration,
    },
    /// What a source remembers of the time before.
    Past(Past),
}

/// What the store was asked and has not answered.
#[derive(Debug)]
pub(super) enum Writing {
    No,
    /// Being committed; decided again if somebody was faster.
    Commit {
        pending: Pending,
        next: Arc<Stored>,
    },
    Flush,
    /// Being loaded anew.
    Load,
    /// The store failed: to be loaded at this time.
    Retry(Mono),
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) stored: Arc<Stored>,
    pub(super) asks: Arc<[Ask]>,
    pub(super) writing: Writing,
    pub(super) pending: VecDeque<Pending>,
    pub(super) next_look: Mono,
    /// When the read under way began.
    pub(super) reading: Option<Mono>,
    /// When the last answered read began: what follows it is the next look's time.
    pub(super) last_read: Option<Mono>,
    /// Whether the past was asked for: once is enough, and twice would count twice.
    pub(super) past_asked: bool,
    /// Since when something in memory is newer than what is stored.
    pub(super) dirty_since: Option<Mono>,
    /// Somebody else committed while our own write was under way.
    pub(super) changed: bool,
    /// Where the core's queue of wakes has it.
    pub(super) wake: Option<Mono>,
}

impl Slot {
    pub(super) fn new(stored: Stored, first_look: Mono) -> Self {
        let asks = asks(&stored.program).into();
        Self {
            stored: Arc::new(stored),
            asks,
            writing: Writing::No,
            pending: VecDeque::new(),
            next_look: first_look,
            reading: None,
            last_read: None,
            past_asked: false,
            dirty_since: None,
            changed: false,
            wake: None,
        }
    }

    /// From the first step until traffic goes back or all of it has moved.
    pub(super) fn looks(&self) -> bool {
        let phase = &self.stored.state.phase;
        phase.holds_route() && !matches!(phase, Phase::Reverting { .. })
    }

    /// The wish still waits for somebody.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.stored.state.phase.holds_route() && self.stored.state.wish.confirmed_at.is_none()
    }

    pub(super) fn is_free(&self) -> bool {
        matches!(self.writing, Writing::No)
    }

    /// A beat later than planned, never later than now: a slept beat is not made up for.
    pub(super) fn plan_next_look(&mut self, now: Now) {
        let beat = self.stored.program.plan.look;
        let planned = self.next_look.plus(beat);
        self.next_look = if planned > now.mono { planned } else { now.mono.plus(beat) };
    }
}
