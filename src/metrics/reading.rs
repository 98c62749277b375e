//! What one source gave for one ask, or why it gave nothing.
//!
//! Owns: these forms, which points belong to a look, and how old a reading is.
//! Does not: fetch anything, or compare the arms (`assemble`). Pure.

use std::time::Duration;

use super::exposition::Sample;
use crate::domain::Timestamp;
use crate::engine::{Point, TroubleKind};

/// What one ask got, before it is cut to the look.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub series: Vec<Found>,
    /// Parts of the source that were not there, while others were.
    pub absent: Vec<Failure>,
    /// How people know the source and what was asked of it.
    pub source: String,
    pub what: String,
    /// How old its newest sample may be.
    pub fresh_for: Duration,
    /// How long a look waits for a target's next sample; zero for what is of the instant it is read at.
    pub awaited: Duration,
    /// When the source last had anything of the arm, where that is known: then no series of what was asked is a quiet
    /// hour and not a dead source.
    pub alive: Option<Timestamp>,
}

/// A series, its points oldest first, some of them perhaps before the look.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub key: String,
    /// What its label `le` says, where it has one.
    pub bound: Option<f64>,
    pub points: Vec<Point>,
}

/// Why a source could not say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub kind: TroubleKind,
    pub sentence: String,
}

pub(super) type Outcome = Result<Reading, Failure>;

impl Failure {
    pub(super) fn new(kind: TroubleKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into() }
    }

    /// Whether it simply is not there, as a host that is being started again; not that it talks nonsense.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self.kind, TroubleKind::Unreachable | TroubleKind::Slow)
    }
}

impl Found {
    /// The target it is from.
    pub(super) fn origin(&self) -> &str {
        self.key.split_once(' ').map_or(&self.key, |(origin, _)| origin)
    }

    /// The first sample after the last gap.
    fn run_began(&self, longest: Duration) -> Option<Timestamp> {
        let gap = |pair: &[Point]| pair[1].at.since(pair[0].at) > longest;
        let began = self.points.windows(2).rposition(gap).map_or(0, |before| before + 1);
        self.points.get(began).map(|point| point.at)
    }

    /// A counter read directly: of the instant it was read at, unless it names an earlier one of its own.
    pub(super) fn read(origin: &str, sample: &Sample<'_>, until: Timestamp) -> Self {
        let own = sample.at_ms.map(|ms| Timestamp::from_micros(ms.saturating_mul(1000)));
        let at = own.unwrap_or(until).min(until);
        let key = format!("{origin} {}", sample.key());
        let le = sample.labels.iter().find(|(label, _)| *label == "le");
        let bound = le.and_then(|(_, value)| bound(value));
        Self { key, bound, points: vec![Point { at, value: sample.value }] }
    }
}

/// An upper bound as `le` writes it: `0.5`, `+Inf`.
pub(super) fn bound(le: &str) -> Option<f64> {
    le.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

impl Reading {
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.series.iter().filter_map(|s| s.points.last()).map(|p| p.at).chain(self.alive).max()
    }

    pub(super) fn is_fresh(&self, until: Timestamp) -> bool {
        self.newest().is_some_and(|newest| until.since(newest) <= self.fresh_for)
    }

    /// Fresh, and not only since a moment ago.
    pub(super) fn is_steady(&self, until: Timestamp) -> bool {
        let began = self.series.iter().filter_map(|s| s.run_began(self.awaited)).chain(self.alive);
        let began = began.min();
        self.is_fresh(until) && began.is_some_and(|at| until.since(at) >= self.awaited)
    }
}

/// The span of a look: (since, until]. Without `since` it is the first, and only the newest points matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub since: Option<Timestamp>,
    pub until: Timestamp,
}

impl Span {
    /// Of points oldest first, those of this look.
    pub(super) fn cut<'p>(&self, points: &'p [Point]) -> &'p [Point] {
        let points = &points[..points.partition_point(|p| p.at <= self.until)];
        match self.since {
            Some(since) => &points[points.partition_point(|p| p.at <= since)..],
            None => &points[points.len().saturating_sub(1)..],
        }
    }
}
