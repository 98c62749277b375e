//! Plain limits on raw values: the escape hatch beside the evidence.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::{Limit, LimitAction, LimitKind};

/// How long a limit has been broken without a healthy look between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    broken_for: Duration,
    /// In the last look. A look that says nothing ends no streak, and triggers nothing either.
    broken_now: bool,
}

/// A limit broken for long enough, with the numbers of the look that says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    pub kind: LimitKind,
    pub then: LimitAction,
    pub failures: u64,
    pub requests: u64,
    pub lasting: Duration,
}

impl Streak {
    pub(super) fn update(&mut self, limit: &Limit, counts: Option<&Counts>, lasting: Duration) {
        self.broken_now = false;
        let Some(counts) = counts.filter(|c| c.canary_requests >= limit.min_requests.max(1)) else {
            return;
        };
        if is_broken(limit.kind, counts) {
            self.broken_now = true;
            self.broken_for = self.broken_for.saturating_add(lasting);
        } else {
            self.broken_for = Duration::ZERO;
        }
    }

    pub(super) fn verdict(&self, limit: &Limit, counts: &Counts) -> Option<Broken> {
        (self.broken_now && self.broken_for >= limit.lasting).then_some(Broken {
            kind: limit.kind,
            then: limit.then,
            failures: counts.canary_failures,
            requests: counts.canary_requests,
            lasting: self.broken_for,
        })
    }
}

fn is_broken(kind: LimitKind, counts: &Counts) -> bool {
    match kind {
        LimitKind::ErrorsAbove(share) => counts.canary_rate().is_some_and(|rate| rate > share),
        LimitKind::SlowerThan { .. }
        | LimitKind::Above(_)
        | LimitKind::Below(_)
        | LimitKind::AboveBefore(_) => false,
    }
}
