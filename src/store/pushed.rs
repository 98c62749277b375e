//! What observations add to: counters with typed names, and users who are counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::domain::{Name, Segment, Timestamp};

/// Names of one kind a route may have: the values of an attribute, the attributes, the numbers.
pub const MOST_NAMES: usize = 50;
/// How long after a user's first observation a failure still counts as theirs.
pub use crate::plan::USER_WATCHED as USER_WINDOW;

/// Observations to add, already summed.
#[derive(Clone, Debug, PartialEq)]
pub struct PushBatch {
    pub route: Name,
    /// The sender's own name for the batch: counted once, however often it arrives.
    pub batch: String,
    /// What to add to each counter, by the arm's label.
    pub counts: BTreeMap<String, BTreeMap<PushedSeries, f64>>,
    pub users: Vec<PushedUser>,
    pub at: Timestamp,
}

/// A user seen in a batch. The store keeps a keyed hash of the id, never the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedUser {
    pub arm: String,
    /// `None`: among everybody.
    pub segment: Option<Segment>,
    pub user: String,
    /// At least one failure.
    pub failed: bool,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    New,
    /// It was counted before; nothing changed.
    Before,
    /// It would bring more than [`MOST_NAMES`]; nothing changed.
    TooMany(TooMany),
}

/// Of what there would be too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooMany {
    Attributes,
    /// Values of this attribute.
    Values(String),
    /// Names of numbers.
    Numbers,
}

/// Cumulative since the first push for this route and arm.
#[derive(Clone, Debug, PartialEq)]
pub struct PushedCount {
    pub arm: String,
    pub series: PushedSeries,
    pub value: f64,
    pub updated: Timestamp,
}

/// The name of a counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushedSeries {
    pub counter: PushedCounter,
    /// `None`: of everybody.
    pub segment: Option<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushedCounter {
    Requests,
    Failures,
    /// Those whose first ten minutes are over.
    Users,
    UsersFailed,
    /// Requests in one cell of the grid of latencies.
    Latency(u8),
    /// Numbers sent under a name.
    Value {
        name: String,
        moment: Moment,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    Events,
    Sum,
    Squares,
}

impl PushBatch {
    /// Attributes with their values, and under the empty attribute the names of numbers.
    pub(super) fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut names = BTreeMap::<String, BTreeSet<String>>::new();
        for series in self.counts.values().flat_map(BTreeMap::keys) {
            if let Some(Segment { attribute, value }) = &series.segment {
                names.entry(attribute.clone()).or_default().insert(value.clone());
            }
            if let PushedCounter::Value { name, .. } = &series.counter {
                names.entry(String::new()).or_default().insert(name.clone());
            }
        }
        names
    }
}

impl PushedSeries {
    pub fn of(counter: PushedCounter, segment: Option<Segment>) -> Self {
        Self { counter, segment }
    }
}

/// `latency/17 in platform=ios`. Attributes have no `=`, and names of numbers no blank.
impl fmt::Display for PushedSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.counter)?;
        match &self.segment {
            Some(Segment { attribute, value }) => write!(f, " in {attribute}={value}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PushedCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests => f.write_str("requests"),
            Self::Failures => f.write_str("failures"),
            Self::Users => f.write_str("users"),
            Self::UsersFailed => f.write_str("users failed"),
            Self::Latency(cell) => write!(f, "latency/{cell}"),
            Self::Value { name, moment } => write!(f, "{moment}/{name}"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Events => "events",
            Self::Sum => "sum",
            Self::Squares => "squares",
        })
    }
}

impl FromStr for PushedSeries {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` names no counter");
        let (counter, segment) = match text.split_once(" in ") {
            Some((counter, segment)) => {
                let (attribute, value) = segment.split_once('=').ok_or_else(unknown)?;
                let (attribute, value) = (attribute.to_owned(), value.to_owned());
                (counter, Some(Segment { attribute, value }))
            }
            None => (text, None),
        };
        Ok(Self { counter: PushedCounter::read(counter).ok_or_else(unknown)?, segment })
    }
}

impl PushedCounter {
    fn read(text: &str) -> Option<Self> {
        let moment = |moment, name: &str| Some(Self::Value { name: name.to_owned(), moment });
        match (text, text.split_once('/')) {
            ("requests", _) => Some(Self::Requests),
            ("failures", _) => Some(Self::Failures),
            ("users", _) => Some(Self::Users),
            ("users failed", _) => Some(Self::UsersFailed),
            (_, Some(("latency", cell))) => cell.parse().ok().map(Self::Latency),
            (_, Some(("events", name))) => moment(Moment::Events, name),
            (_, Some(("sum", name))) => moment(Moment::Sum, name),
            (_, Some(("squares", name))) => moment(Moment::Squares, name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let rows = [
            "requests",
            "failures in platform=ios",
            "users",
            "users failed in country=a=b in c",
            "latency/69 in platform=",
            "events/basket.total",
            "sum/a/b",
            "squares/in in platform=ios",
        ];
        for row in rows {
            let series: PushedSeries = row.parse().expect(row);
            assert_eq!(series.to_string(), row);
        }
        for odd in ["", "request", "latency/-1", "latency/300", "requests in ios", "mean/x"] {
            assert!(odd.parse::<PushedSeries>().is_err(), "{odd}");
        }
    }
}
