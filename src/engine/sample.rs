//! Numbers on their way to the judge: cumulative samples, and what is asked of a source.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Arm, Name, Segment, Timestamp};
use crate::plan::SourceRef;

/// Which number of which check a series belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    Requests,
    Failures,
    /// A histogram's cumulative buckets: each series has its [`bound`](Series::bound).
    Buckets,
    /// Of values: how many, their sum, the sum of their squares.
    Events,
    Sum,
    Squares,
    /// No counter: a value at an instant, which may fall.
    Level,
}

/// One counter a look needs: of a check, of an arm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Position in the plan's [`items`](crate::plan::Plan::items).
    pub check: usize,
    pub arm: Arm,
    pub counter: Counter,
    pub from: From,
}

/// Where one counter comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum From {
    /// A bare selector, the arm's label filled in.
    Selector { source: SourceRef, selector: String },
    /// The route's own HAProxy instances; `backend` is the arm's.
    Haproxy { route: Name, backend: String },
    /// Observations pushed for a route; `arm` is the arm's label.
    Pushed { route: Name, arm: String, what: Pushed, segment: Option<Segment> },
    /// A PromQL expression, evaluated at the end of the look.
    Expression { source: SourceRef, query: String },
}

/// Which of the counters that observations add to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pushed {
    Requests,
    Users,
    /// By latency, on the grid of bounds at powers of the fourth root of two.
    Latency,
    /// Values of this name.
    Values(String),
}

/// A counter's value at an instant of its source's clock. Counters only rise, but for a restart of what counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// The points of one series inside (since, until], oldest first and at least one; of a first read (no `since`)
/// only the newest, a starting point. Nothing from before `since` is repeated: who takes differences keeps the
/// last point of each key.
///
/// A key that first appears in a later look was born with its value and counts from zero, if its
/// [`origin`](Self::origin) was read before for the same check. If not, its first point is a starting point too:
/// a proxy that could not be read at first brings the counts of its whole life. For the same reason nothing is
/// remembered of a check while one of its asks is spoiled: what was only unreadable would seem born later.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Position in the asks this answers.
    pub ask: usize,
    /// The series' own identity, the same in every look: origin, blank, name, sorted labels.
    pub key: String,
    /// Of a histogram's bucket: counts what took at most so many seconds; infinite for all.
    pub bound: Option<f64>,
    pub points: Vec<Point>,
}

impl Series {
    /// What was read: a page's address, a target of Prometheus, the pushes for a route.
    pub fn origin(&self) -> &str {
        self.key.split_once(' ').map_or("", |(origin, _)| origin)
    }

    /// The histogram a bucket is of.
    pub fn histogram(&self) -> String {
        histogram_key(&self.key)
    }
}

/// A bucket's key without its `le="…"`: what the buckets of one histogram have in common.
pub fn histogram_key(bucket: &str) -> String {
    for (at, found) in bucket.match_indices("le=\"") {
        let begins = bucket[..at].ends_with(['{', ',']);
        // A label's value may look like this too, but for the number.
        let Some((bound, rest)) = bucket[at + found.len()..].split_once('"') else { continue };
        if begins && bound.parse::<f64>().is_ok() {
            return format!("{}{}", &bucket[..at], rest.trim_start_matches(','));
        }
    }
    bucket.to_owned()
}

/// The answer of all sources to one look.
///
/// An arm without series and without trouble is silent: its source answered, had something fresh for the other
/// arm, and nothing for this one. Failures without series are none: such a counter is often born with the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub series: Vec<Series>,
    /// The end of the look in the sources' time; the next one begins here. With Prometheus it lies half a second
    /// before the `now` of the read; what is read directly is stamped with it.
    pub until: Timestamp,
    /// Where a source could not say: `asks` it spoils, and the sentence for people.
    pub troubles: Vec<Trouble>,
}

/// What was before a rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The looks that would have been made, oldest first.
    pub answers: Vec<Answer>,
    pub replicas: Vec<Replicas>,
}

/// A level of one of the baseline's replicas beside the others, in the past of its source: what its noise is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicas {
    /// Position in the plan's [`items`](crate::plan::Plan::items).
    pub check: usize,
    /// Between two instants.
    pub every: Duration,
    /// Of the one and of the others at each instant, oldest first; `None` where there was none.
    pub pairs: Vec<Option<[f64; 2]>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// Positions in the asks that have no trustworthy answer, and so no series. Empty: a part of a source was not
    /// there (one proxy of several); people should know, the look is good.
    pub asks: Vec<usize>,
    pub kind: TroubleKind,
    /// A whole sentence: which source, what it said, what to do.
    pub sentence: String,
}

/// Each a named kind of blindness; the word is shown and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    Unreachable,
    Slow,
    /// It understood and refused: a bad query, a missing right.
    Refused,
    /// It warned that the answer is not whole.
    Partial,
    Malformed,
    /// A value that is no finite number >= 0.
    NotANumber,
    /// One series answers for both arms, or one name stands twice.
    Ambiguous,
    /// Its newest sample is too old.
    Stale,
    ClockSkew,
    /// Nobody has reported where to read.
    NoInstance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_one_histogram_share_a_key() {
        let rows = [
            ("p t_bucket{le=\"0.5\"}", "p t_bucket{}"),
            ("p t_bucket{a=\"x\",le=\"+Inf\",z=\"y\"}", "p t_bucket{a=\"x\",z=\"y\"}"),
            ("p t{a=\"x,le=\",le=\"1\"}", "p t{a=\"x,le=\",}"),
            ("p t{tile=\"1\"}", "p t{tile=\"1\"}"),
            ("p t", "p t"),
        ];
        for (key, expect) in rows {
            assert_eq!(histogram_key(key), expect, "{key}");
        }
    }
}
