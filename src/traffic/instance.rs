//! One proxy or program that follows a route: what it has, what it was told, what a hand did to it.
//!
//! Owns: what a poll means: an acknowledgement, a restart, a hand edit (L12); whether it is owed an answer (L5).
//! Does not: wait or wake (`feed`), or store: rows worth keeping leave as events.

use std::time::Duration;

use super::split::{Poll, Wished};
use crate::clock::Mono;
use crate::domain::{Generation, Share, Timestamp, Weight};
use crate::store::InstanceRow;

/// A row whose only news is that the instance was seen is saved this seldom.
const SAVE_SEEN_EVERY: Duration = Duration::from_secs(20);
/// So long a rollout may take to pause for a hand edit that was reported to it.
const TIME_TO_PAUSE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) row: InstanceRow,
    /// As last handed over for saving.
    saved: Option<InstanceRow>,
    /// As it is in the store for sure.
    kept: Option<InstanceRow>,
    /// `None`: known from the store, not heard of since our start.
    pub(super) polled: Option<Mono>,
    edit: Option<Edit>,
}

/// A split in force that nobody here wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    seen: Share,
    /// The wish when it was noticed: a newer one is written over the edit.
    at: Generation,
    noticed: Mono,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Reported; nobody has answered yet.
    Reported,
    /// The rollout paused for it.
    Respected,
    /// A person sent the rollout on: the wish is written over the edit.
    Overruled,
}

impl Edit {
    /// A raise that was under way when the hand was reported must not be written over it before the rollout can pause.
    fn holds(self, wished: &Wished, now: Mono) -> bool {
        let just_reported =
            self.standing == Standing::Reported && now.since(self.noticed) < TIME_TO_PAUSE;
        self.standing != Standing::Overruled && (self.at == wished.generation || just_reported)
    }
}

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) wall: Timestamp,
    pub(super) mono: Mono,
}

/// What a poll brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) acknowledged: bool,
    /// The idle side's weight that a hand set.
    pub(super) hand_edit: Option<Weight>,
}

impl Instance {
    pub(super) fn stored(row: InstanceRow) -> Self {
        let known = Some(row.clone());
        Self { saved: known.clone(), kept: known, row, polled: None, edit: None }
    }

    pub(super) fn new(poll: &Poll, at: At) -> Self {
        let row = InstanceRow {
            route: poll.route.clone(),
            node: poll.node.clone(),
            boot: poll.boot.clone(),
            acknowledged: Generation::default(),
            served: Weight::ZERO,
            served_for: None,
            seen: at.wall,
            metrics: poll.metrics.clone(),
        };
        Self { row, saved: None, kept: None, polled: None, edit: None }
    }

    /// Takes in a poll. `told`: the share of the generation it says it has, as far as that is remembered.
    pub(super) fn arrive(
        &mut self,
        poll: &Poll,
        wished: &Wished,
        told: Option<Share>,
        at: At,
    ) -> News {
        self.polled = Some(at.mono);
        self.row.seen = at.wall;
        if self.row.boot != poll.boot {
            self.row.boot.clone_from(&poll.boot);
            self.row.acknowledged = Generation::default();
            self.edit = None;
        }
        if poll.metrics.is_some() {
            self.row.metrics.clone_from(&poll.metrics);
        }
        // What it carries counts as served, whoever told it: a revert must wait for it.
        if let Some(share) = poll.share.or(told) {
            self.expose(wished, wished.exposure(share));
        }
        let hand_edit = self.notice_hand(poll, wished, told, at.mono);
        News { acknowledged: self.acknowledge(poll, wished), hand_edit }
    }

    /// A split newer than ours is none we can vouch for, and one that a hand raised is not in force.
    fn acknowledge(&mut self, poll: &Poll, wished: &Wished) -> bool {
        let before = self.row.acknowledged;
        let known = poll.have.filter(|have| *have <= wished.generation);
        let obeys = poll.share.is_none_or(|s| wished.exposure(s) <= wished.idle_weight());
        if known == Some(wished.generation) && !obeys {
            self.row.acknowledged = Generation::default();
        } else if let Some(have) = known {
            self.row.acknowledged = have;
        }
        self.row.acknowledged != before && self.row.acknowledged >= wished.generation
    }

    fn notice_hand(
        &mut self,
        poll: &Poll,
        wished: &Wished,
        told: Option<Share>,
        noticed: Mono,
    ) -> Option<Weight> {
        let seen = poll.share.filter(|seen| told.is_some_and(|told| told != *seen));
        let Some(seen) = seen else {
            self.edit = None;
            return None;
        };
        if self.edit.is_some_and(|edit| edit.seen == seen) {
            return None;
        }
        let standing = if wished.yields { Standing::Respected } else { Standing::Reported };
        self.edit = Some(Edit { seen, at: wished.generation, noticed, standing });
        Some(wished.exposure(seen))
    }

    /// Whether the wish must be told now; otherwise the poll is held.
    pub(super) fn owed(&self, poll: &Poll, wished: &Wished, now: Mono) -> bool {
        if poll.have.is_some_and(|have| have > wished.generation) {
            return false;
        }
        let lowered = poll.share.is_some_and(|share| wished.exposure(share) < wished.idle_weight());
        if lowered && (wished.yields || self.edit.is_some_and(|edit| edit.holds(wished, now))) {
            return false;
        }
        poll.have != Some(wished.generation)
            || poll.share.is_some_and(|share| share != wished.share)
            || poll.settled.is_some_and(|settled| settled != wished.settled())
    }

    /// The wish is about to be told: from now on it may carry that weight.
    pub(super) fn told(&mut self, wished: &Wished) {
        self.expose(wished, wished.idle_weight());
    }

    fn expose(&mut self, wished: &Wished, weight: Weight) {
        if wished.holder.is_some() && self.row.served_for != wished.holder {
            self.row.served_for.clone_from(&wished.holder);
            self.row.served = Weight::ZERO;
        }
        self.row.served = self.row.served.max(weight);
    }

    /// A wish was published: an edit the rollout paused for ends with the pause.
    pub(super) fn published(&mut self, wished: &Wished) {
        if let Some(edit) = &mut self.edit {
            edit.standing = match edit.standing {
                _ if wished.yields => Standing::Respected,
                Standing::Respected | Standing::Overruled => Standing::Overruled,
                Standing::Reported => Standing::Reported,
            };
        }
    }

    /// The highest weight it may carry in the rollout that holds the route now.
    pub(super) fn served(&self, wished: &Wished) -> Weight {
        if wished.holder.is_none() || self.row.served_for == wished.holder {
            self.row.served
        } else {
            Weight::ZERO
        }
    }

    /// It is in the store now.
    pub(super) fn kept(&mut self, row: InstanceRow) {
        self.kept = Some(row);
    }

    /// Whether the store knows that it may carry this wish: also after a crash a revert waits for it then.
    pub(super) fn is_kept(&self, wished: &Wished) -> bool {
        let ours =
            |kept: &&InstanceRow| wished.holder.is_none() || kept.served_for == wished.holder;
        let kept = self.kept.as_ref().filter(ours).map_or(Weight::ZERO, |kept| kept.served);
        wished.idle_weight() <= kept
    }

    /// The row, when it is worth saving again.
    pub(super) fn unsaved(&mut self) -> Option<InstanceRow> {
        let kept = self.saved.as_ref().is_some_and(|saved| {
            let as_seen = InstanceRow { seen: self.row.seen, ..saved.clone() };
            as_seen == self.row && self.row.seen.since(saved.seen) <= SAVE_SEEN_EVERY
        });
        if kept {
            return None;
        }
        self.saved = Some(self.row.clone());
        self.saved.clone()
    }
}
