//! Observations sent to us: stored counters -> a reading.
//!
//! Owns: which counters answer which ask, and when what is pushed counts as quiet.
//! Does not: keep them (`store`), or know what a batch looks like (`push`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::exposition::key;
use super::grid;
use super::reading::{Failure, Found, Reading};
use crate::domain::{Name, Segment, Timestamp};
use crate::engine::{Counter, Point, Pushed as What, TroubleKind};
use crate::store::{Moment, PushedCount, PushedCounter, Store, StoreError};

/// Senders batch, and quiet ones have nothing to send for a while: longer than for a scrape.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// Where pushed counters are kept.
#[async_trait]
pub trait Pushed: Send + Sync {
    /// All counters of these arms in one consistent read: failures never run ahead of their requests.
    async fn pushed(
        &self,
        route: &Name,
        arms: &BTreeSet<String>,
    ) -> Result<Vec<PushedCount>, StoreError>;
}

#[async_trait]
impl Pushed for Arc<dyn Store> {
    async fn pushed(
        &self,
        route: &Name,
        arms: &BTreeSet<String>,
    ) -> Result<Vec<PushedCount>, StoreError> {
        self.as_ref().pushed(route, arms).await
    }
}

/// What one ask wants of a route's counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub route: &'a Name,
    pub arm: &'a str,
    pub what: &'a What,
    pub segment: Option<&'a Segment>,
    pub counter: Counter,
}

/// All counters of a route's arms.
pub(super) async fn read(
    from: &dyn Pushed,
    route: &Name,
    arms: &BTreeSet<String>,
) -> Result<Vec<PushedCount>, Failure> {
    from.pushed(route, arms).await.map_err(|e| {
        let told = format!("what was pushed for `{route}` cannot be read: {e}");
        Failure::new(TroubleKind::Unreachable, told)
    })
}

impl Wanted<'_> {
    /// One counter of one arm, or its buckets. Nothing yet is no mistake: the counter begins with the first
    /// observation, and a quiet segment of an arm that is heard of is only quiet.
    pub(super) fn reading(&self, counts: &[PushedCount], until: Timestamp) -> Reading {
        let of_arm = || counts.iter().filter(|count| count.arm == self.arm);
        let series = match self.counter {
            Counter::Buckets => self.buckets(counts, until),
            _ => of_arm().filter(|c| self.wants(c)).map(|c| self.found(c, until)).collect(),
        };
        let segment = self.segment.map_or(String::new(), |segment| format!(" in {segment}"));
        Reading {
            series,
            absent: Vec::new(),
            source: format!("what is pushed for `{}`", self.route),
            what: format!("arm `{}`{segment}", self.arm),
            fresh_for: FRESH_FOR,
            awaited: Duration::ZERO,
            alive: of_arm().map(|count| count.updated.min(until)).max(),
        }
    }

    fn wants(&self, count: &PushedCount) -> bool {
        let fits = match (self.what, &count.series.counter) {
            (What::Requests, PushedCounter::Requests) | (What::Users, PushedCounter::Users) => {
                self.counter == Counter::Requests
            }
            (What::Requests, PushedCounter::Failures)
            | (What::Users, PushedCounter::UsersFailed) => self.counter == Counter::Failures,
            (What::Values(wanted), PushedCounter::Value { name, moment }) => {
                let counter = match moment {
                    Moment::Events => Counter::Events,
                    Moment::Sum => Counter::Sum,
                    Moment::Squares => Counter::Squares,
                };
                wanted == name && self.counter == counter
            }
            _ => false,
        };
        fits && count.series.segment.as_ref() == self.segment
    }

    fn found(&self, count: &PushedCount, until: Timestamp) -> Found {
        let point = Point { at: count.updated.min(until), value: count.value };
        let key = format!("pushed/{} {}", self.route, self.arm);
        Found { key, bound: None, points: vec![point] }
    }

    /// Cells -> buckets that count up to their bound. Where no arm has anything the bounds say nothing.
    fn buckets(&self, counts: &[PushedCount], until: Timestamp) -> Vec<Found> {
        let cell = |count: &PushedCount| match count.series.counter {
            PushedCounter::Latency(cell) => Some(cell),
            _ => None,
        };
        let used = || counts.iter().filter_map(cell).filter(|cell| *cell < grid::CELLS);
        let (Some(first), Some(last)) = (used().min(), used().max()) else { return Vec::new() };
        let ours = |count: &&PushedCount| {
            count.arm == self.arm && count.series.segment.as_ref() == self.segment
        };
        let mut cells = [0.0; grid::CELLS as usize];
        let mut newest = None;
        for count in counts.iter().filter(ours) {
            let Some(at) = cell(count) else { continue };
            if let Some(sum) = cells.get_mut(usize::from(at)) {
                *sum = count.value;
                newest = newest.max(Some(count.updated));
            }
        }
        let Some(newest) = newest else { return Vec::new() };
        let at = newest.min(until);
        let mut up_to = 0.0;
        let mut buckets = Vec::new();
        for (cell, sum) in (0..grid::CELLS).zip(cells) {
            up_to += sum;
            if (first..=last).contains(&cell) || cell == grid::CELLS - 1 {
                buckets.push(self.bucket(grid::bound(cell), Point { at, value: up_to }));
            }
        }
        buckets
    }

    fn bucket(&self, bound: f64, point: Point) -> Found {
        let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
        let labels = [("arm", self.arm), ("le", le.as_str())];
        let key = format!("pushed/{} {}", self.route, key("latency", labels.into_iter()));
        Found { key, bound: Some(bound), points: vec![point] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PushedSeries;

    fn at(second: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(second))
    }

    /// `arm second value series`.
    fn count(line: &str) -> PushedCount {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("four words");
        let (arm, second, value) = (word().to_owned(), word(), word());
        PushedCount {
            arm,
            updated: at(second.parse().expect("a second")),
            value: value.parse().expect("a value"),
            series: word().parse::<PushedSeries>().expect("a series"),
        }
    }

    /// What arm `v2` has, read at 100 s.
    #[track_caller]
    fn check(what: &What, counter: Counter, segment: Option<&str>, lines: &[&str], expect: &str) {
        let route = Name::new("shop").expect("a name");
        let segment = segment
            .map(|value| Segment { attribute: "platform".to_owned(), value: value.to_owned() });
        let counts: Vec<PushedCount> = lines.iter().map(|line| count(line)).collect();
        let segment = segment.as_ref();
        let wanted = Wanted { route: &route, arm: "v2", what, segment, counter };
        let reading = wanted.reading(&counts, at(100));
        let told = reading.series.iter().map(|found| {
            let (point, key) = (found.points[0], found.key.replace("pushed/shop ", ""));
            format!("{key} {}@{}", point.value, point.at.seconds())
        });
        assert_eq!(told.collect::<Vec<_>>().join("; "), expect, "{lines:?}");
    }

    #[test]
    fn an_arm_is_its_label_letter_by_letter() {
        let lines = ["V2 5 7 requests", "v2 6 9 requests", "v2 105 1 failures"];
        let what = What::Requests;
        check(&what, Counter::Requests, None, &lines, "v2 9@6");
        check(&what, Counter::Failures, None, &lines, "v2 1@100");
        check(&what, Counter::Failures, None, &lines[..2], "");
    }

    #[test]
    fn each_ask_has_its_own_counters() {
        let lines = [
            "v2 1 9 requests",
            "v2 1 4 requests in platform=ios",
            "v2 1 3 users",
            "v2 1 2 users failed",
            "v2 1 5 events/basket",
            "v2 1 6.5 sum/basket",
            "v2 1 7.5 squares/basket",
            "v2 1 8 sum/other",
        ];
        check(&What::Requests, Counter::Requests, Some("ios"), &lines, "v2 4@1");
        check(&What::Requests, Counter::Requests, Some("web"), &lines, "");
        check(&What::Users, Counter::Requests, None, &lines, "v2 3@1");
        check(&What::Users, Counter::Failures, None, &lines, "v2 2@1");
        let basket = What::Values("basket".to_owned());
        check(&basket, Counter::Events, None, &lines, "v2 5@1");
        check(&basket, Counter::Sum, None, &lines, "v2 6.5@1");
        check(&basket, Counter::Squares, None, &lines, "v2 7.5@1");
    }

    #[test]
    fn cells_become_buckets_over_the_bounds_in_use() {
        let lines = ["v1 1 5 latency/0", "v2 3 2 latency/1", "v2 2 3 latency/4", "v2 9 9 requests"];
        check(
            &What::Latency,
            Counter::Buckets,
            None,
            &lines,
            "latency{arm=\"v2\",le=\"0.001\"} 0@3; \
             latency{arm=\"v2\",le=\"0.001189207115002721\"} 2@3; \
             latency{arm=\"v2\",le=\"0.0014142135623730952\"} 2@3; \
             latency{arm=\"v2\",le=\"0.001681792830507429\"} 2@3; \
             latency{arm=\"v2\",le=\"0.002\"} 5@3; latency{arm=\"v2\",le=\"+Inf\"} 5@3",
        );
        check(&What::Latency, Counter::Buckets, None, &lines[..1], "");
        let slow = ["v2 1 2 latency/69", "v2 1 1 latency/200"];
        let expect = "latency{arm=\"v2\",le=\"+Inf\"} 2@1";
        check(&What::Latency, Counter::Buckets, None, &slow, expect);
        let ios = ["v2 1 2 latency/69 in platform=ios", "v2 1 2 latency/69"];
        check(&What::Latency, Counter::Buckets, Some("ios"), &ios, expect);
    }

    #[test]
    fn a_quiet_segment_is_not_stale() {
        let route = Name::new("shop").expect("a name");
        let ios = Segment { attribute: "platform".to_owned(), value: "ios".to_owned() };
        let (what, counter) = (&What::Requests, Counter::Requests);
        let wanted = Wanted { route: &route, arm: "v2", what, segment: Some(&ios), counter };
        let reading = wanted.reading(&[count("v2 60 9 requests")], at(100));
        assert!(reading.is_fresh(at(100)) && reading.is_steady(at(100)));
        assert!(!reading.is_fresh(at(400)));
        assert!(!wanted.reading(&[count("v1 60 9 requests")], at(100)).is_fresh(at(100)));
    }
}
