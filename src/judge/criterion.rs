//! What a check tolerates and what it forbids outright.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Worse;

/// The null hypothesis of harm, one line: canary rate <= `ratio` * baseline rate + `delta`.
/// `1.1x` is ratio 1.1, delta 0; `0.05pp` is ratio 1, delta 0.0005; `1.1x + 0.05pp` is both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// >= 1 in a plan (0 makes `delta` an absolute limit); finite, at most 1000.
    pub ratio: f64,
    /// A share of requests, 0 to 1.
    pub delta: f64,
}

impl Default for Tolerance {
    /// 1.10x: measured to cost 1.4 times the failures of a strict 1.0 at a doubling.
    fn default() -> Self {
        Self { ratio: 1.1, delta: 0.0 }
    }
}

/// A plain threshold on raw values, outside alpha and journalled as such. May revert or pause, never promote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    pub kind: LimitKind,
    /// Fewer canary requests in a look than this, and the look says nothing.
    pub min_requests: u64,
    /// How long the limit must be broken without a healthy look between. Zero: one look.
    pub lasting: Duration,
    pub then: LimitAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The canary's share of failures in a look is above this share, 0 to 1.
    ErrorsAbove(f64),
    /// More than `1 - quantile` of the canary's requests in a look took longer than so many seconds.
    SlowerThan {
        quantile: f64,
        seconds: f64,
    },
    /// The canary's mean or level in a look; of a level that the arms share, that one.
    Above(f64),
    Below(f64),
    /// Both arms together, as a multiple of what they were before the shift.
    AboveBefore(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitAction {
    Revert,
    Pause,
    /// One step down, and a person is asked: does the harm recede?
    StepBack,
}

/// One check as the judge sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    pub name: String,
    /// `None`: limits only; the check never votes for advancing.
    pub tolerate: Option<Tolerance>,
    pub limits: Vec<Limit>,
    /// Its share in the weighted average of evidence, in any unit; above 0.
    pub weight: f64,
    /// For values and gauges.
    pub worse: Worse,
    /// It speaks against the canary alone: no step waits for it, and its numbers may be missing.
    pub may_miss: bool,
    /// Users are counted, not requests.
    pub users: bool,
    /// Both arms together against the time before the shift, not against each other.
    pub both: bool,
    /// The check that this one is in one segment alone; its numbers are among that one's.
    #[serde(default)]
    pub part_of: Option<String>,
}

impl Criterion {
    /// A comparison of failures with no limits.
    pub fn of_counts(name: impl Into<String>, tolerate: Option<Tolerance>) -> Self {
        let (limits, weight, worse) = (Vec::new(), 1.0, Worse::Higher);
        Self {
            name: name.into(),
            tolerate,
            limits,
            weight,
            worse,
            may_miss: false,
            users: false,
            both: false,
            part_of: None,
        }
    }

    /// The check for everybody.
    pub(super) fn whole(&self) -> &str {
        self.part_of.as_ref().unwrap_or(&self.name)
    }
}

impl Limit {
    /// What every plan gets: back at once when more than half of at least 20 canary requests in one look fail.
    pub const fn half_fails() -> Self {
        Self {
            kind: LimitKind::ErrorsAbove(0.5),
            min_requests: 20,
            lasting: Duration::ZERO,
            then: LimitAction::Revert,
        }
    }
}
