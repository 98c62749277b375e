//! What a look saw of one check, by kind.

use serde::{Deserialize, Serialize};

use super::{Counts, Pair, Values};

/// The numbers of one check in one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Requests or users, and how many of them failed.
    Counts(Counts),
    /// Requests by how long they took.
    Histogram(Histogram),
    /// A number an event: a basket, a payload.
    Values(Values),
    /// A level of each arm at one instant: a queue, memory in use.
    Gauge(Pair),
    /// A level the arms share, at one instant.
    Level(f64),
}

/// Requests of both arms and how many took longer than each bound, over the same interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    pub canary_requests: u64,
    pub baseline_requests: u64,
    /// By rising bound.
    pub slower: Vec<Slower>,
}

/// How many requests took longer than one bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slower {
    /// Seconds.
    pub than: f64,
    pub canary: u64,
    pub baseline: u64,
}

impl Histogram {
    /// The requests slower than the bound at `position` as counts.
    pub fn counts(&self, position: usize) -> Option<Counts> {
        self.slower.get(position).map(|slower| Counts {
            canary_requests: self.canary_requests,
            canary_failures: slower.canary,
            baseline_requests: self.baseline_requests,
            baseline_failures: slower.baseline,
        })
    }

    /// More slow requests than requests, more of a higher bound than of a lower one, or bounds out of order.
    pub(super) fn is_senseless(&self) -> bool {
        let none = Counts {
            canary_requests: self.canary_requests,
            baseline_requests: self.baseline_requests,
            ..Counts::default()
        };
        let falls = |pair: &[Slower]| {
            pair[0].than < pair[1].than
                && pair[0].canary >= pair[1].canary
                && pair[0].baseline >= pair[1].baseline
        };
        none.is_senseless()
            || (0..self.slower.len()).any(|i| self.counts(i).is_none_or(|c| c.is_senseless()))
            || !self.slower.windows(2).all(falls)
            || self.slower.iter().any(|slower| !slower.than.is_finite())
    }
}

impl Numbers {
    /// Requests or events of both arms; nothing where there is nothing to count.
    pub fn requests(&self) -> Option<super::Requests> {
        let requests = |canary, baseline| Some(super::Requests { canary, baseline });
        match self {
            Self::Counts(counts) => Some(counts.requests()),
            Self::Histogram(h) => requests(h.canary_requests, h.baseline_requests),
            Self::Values(v) => requests(v.canary.events, v.baseline.events),
            Self::Gauge(_) | Self::Level(_) => None,
        }
    }

    pub fn counts(&self) -> Option<&Counts> {
        match self {
            Self::Counts(counts) => Some(counts),
            _ => None,
        }
    }

    pub(super) fn is_senseless(&self) -> bool {
        match self {
            Self::Counts(counts) => counts.is_senseless(),
            Self::Histogram(histogram) => histogram.is_senseless(),
            Self::Values(v) => v.canary.is_senseless() || v.baseline.is_senseless(),
            Self::Gauge(pair) => !pair.canary.is_finite() || !pair.baseline.is_finite(),
            Self::Level(level) => !level.is_finite(),
        }
    }
}

impl From<Counts> for Numbers {
    fn from(counts: Counts) -> Self {
        Self::Counts(counts)
    }
}
