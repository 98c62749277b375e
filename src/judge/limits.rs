//! Plain limits on raw values: the escape hatch beside the evidence.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::before::Before;
use super::verdict::What;
use super::{Limit, LimitAction, LimitKind, Numbers};

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
    /// A share, 0 to 1, or a mean or level in its own unit.
    #[serde(default)]
    pub seen: f64,
    /// What failed or was too slow, of how many; 0 of 0 where nothing is counted.
    pub failures: u64,
    pub requests: u64,
    pub lasting: Duration,
    /// Of both arms together.
    #[serde(default)]
    pub both: bool,
    /// Of both arms against the hour before the shift: what was counted or measured, its rate or level, and the hour.
    #[serde(default)]
    pub what: What,
    #[serde(default)]
    pub level: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What one look shows of a limit.
#[derive(Clone, Copy, Debug)]
struct Seen {
    value: f64,
    failures: u64,
    requests: u64,
}

impl Broken {
    /// Whether both arms are worse than before the shift, which no comparison can see.
    pub fn is_shared(&self) -> bool {
        matches!(self.kind, LimitKind::AboveBefore(_))
    }
}

impl Streak {
    pub(super) fn update(&mut self, limit: &Limit, numbers: Option<&Numbers>, lasting: Duration) {
        self.broken_now = false;
        let Some(seen) = numbers.and_then(|numbers| limit.seen(numbers)) else {
            return;
        };
        if limit.is_broken(seen.value) {
            self.broken_now = true;
            self.broken_for = self.broken_for.saturating_add(lasting);
        } else {
            self.broken_for = Duration::ZERO;
        }
    }

    pub(super) fn verdict(&self, limit: &Limit, numbers: &Numbers) -> Option<Broken> {
        let seen = limit.seen(numbers)?;
        (self.broken_now && self.broken_for >= limit.lasting).then_some(Broken {
            kind: limit.kind,
            then: limit.then,
            seen: seen.value,
            failures: seen.failures,
            requests: seen.requests,
            lasting: self.broken_for,
            both: false,
            what: What::default(),
            level: seen.value,
            before: None,
        })
    }
}

impl Limit {
    /// `None` where the look says nothing of it: too few requests, or numbers of another kind.
    fn seen(&self, numbers: &Numbers) -> Option<Seen> {
        let share = |failures: u64, requests: u64| {
            let enough = requests >= self.min_requests.max(1);
            let value = failures as f64 / requests.max(1) as f64;
            enough.then_some(Seen { value, failures, requests })
        };
        let value = |value: f64| Some(Seen { value, failures: 0, requests: 0 });
        match (self.kind, numbers) {
            (LimitKind::ErrorsAbove(_), Numbers::Counts(c)) => {
                share(c.canary_failures, c.canary_requests)
            }
            (LimitKind::SlowerThan { seconds, .. }, Numbers::Histogram(histogram)) => {
                // Of a bound that is not smaller: what is slower than that is surely slower than the limit.
                let slower = histogram.slower.iter().find(|slower| slower.than >= seconds)?;
                share(slower.canary, histogram.canary_requests)
            }
            (LimitKind::Above(_) | LimitKind::Below(_), Numbers::Values(values)) => {
                let Seen { requests, .. } = share(0, values.canary.events)?;
                let mean = values.canary.sum / requests as f64;
                Some(Seen { value: mean, failures: 0, requests })
            }
            (LimitKind::Above(_) | LimitKind::Below(_), Numbers::Gauge(pair)) => value(pair.canary),
            (LimitKind::Above(_) | LimitKind::Below(_), Numbers::Level(level)) => value(*level),
            _ => None,
        }
    }

    fn is_broken(&self, seen: f64) -> bool {
        match self.kind {
            LimitKind::ErrorsAbove(most) | LimitKind::Above(most) => seen > most,
            LimitKind::SlowerThan { quantile, .. } => seen > 1.0 - quantile,
            LimitKind::Below(least) => seen < least,
            // Judged by what the hour before the shift was like: not here.
            LimitKind::AboveBefore(_) => false,
        }
    }
}
