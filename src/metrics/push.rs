//! Observations sent to us: in as batches, out as cumulative counters.
//!
//! Owns: the batch's form and what it adds up to; stored counters -> a reading.
//! Does not: take the request (`api`) or keep anything (`store`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::reading::{Failure, Found, Reading};
use crate::domain::{Name, Timestamp};
use crate::engine::{Counter, Point, TroubleKind};
use crate::store::{PushBatch, PushedCount, PushedDelta, Store, StoreError};

/// Of one batch.
const MOST_OBSERVATIONS: usize = 10_000;
/// Characters of a batch id or an arm.
const LONGEST_TEXT: usize = 200;
/// Beyond this the judge's floats would no longer count one by one.
const LARGEST_COUNT: u64 = 1 << 53;
/// Senders batch, and quiet ones have nothing to send for a while: longer than for a scrape.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// What a program sends: `{"batch": "…", "route": "…", "observations": [{"arm": "v2", "outcome": "ok"}]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The sender's own id, up to 200 characters: sent again, it is not counted again.
    pub batch: String,
    pub route: Name,
    pub observations: Vec<Observation>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The arm's label, letter by letter as the rollout has it: `V2` is not `v2`.
    pub arm: String,
    pub outcome: OutcomeOf,
    /// How many of these; one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Milliseconds. Accepted, so that senders need not change later, and not judged yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeOf {
    Ok,
    Failed,
}

/// Sums a batch per arm, ready to store.
///
/// # Errors
/// A sentence that names the observation (counted from 1) and what is wrong with it.
pub fn fold(batch: &Batch, at: Timestamp) -> Result<PushBatch, String> {
    short("the batch id", &batch.batch)?;
    if batch.observations.len() > MOST_OBSERVATIONS {
        let many = batch.observations.len();
        return Err(format!(
            "{many} observations are more than {MOST_OBSERVATIONS}: send equal ones as one with \
             a `count`, or several batches"
        ));
    }
    let mut counts: BTreeMap<String, PushedDelta> = BTreeMap::new();
    for (index, observation) in batch.observations.iter().enumerate() {
        let named = |problem| format!("observation {}: {problem}", index + 1);
        short("the arm", &observation.arm).map_err(named)?;
        let sum = counts.entry(observation.arm.clone()).or_default();
        add(sum, observation).map_err(named)?;
    }
    Ok(PushBatch { route: batch.route.clone(), batch: batch.batch.clone(), counts, at })
}

fn add(sum: &mut PushedDelta, observation: &Observation) -> Result<(), String> {
    if observation.latency_ms.is_some_and(|ms| !ms.is_finite() || ms < 0.0) {
        return Err("`latency_ms` is no length of time".to_owned());
    }
    let count = observation.count.unwrap_or(1);
    if count == 0 {
        return Err("`count` is 0: leave such an observation out".to_owned());
    }
    let requests = sum.requests.checked_add(count).filter(|sum| *sum <= LARGEST_COUNT);
    sum.requests =
        requests.ok_or_else(|| format!("`count` adds up to more than {LARGEST_COUNT}"))?;
    if observation.outcome == OutcomeOf::Failed {
        // Never more than the requests, which are bounded.
        sum.failures += count;
    }
    Ok(())
}

fn short(what: &str, text: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err(format!("{what} is empty")),
        1..=LONGEST_TEXT => Ok(()),
        _ => Err(format!("{what} is longer than {LONGEST_TEXT} characters")),
    }
}

/// Where pushed counters are kept.
#[async_trait]
pub trait Pushed: Send + Sync {
    /// All arms of a route in one consistent read: failures never run ahead of their requests.
    async fn pushed(&self, route: &Name) -> Result<Vec<PushedCount>, StoreError>;
}

#[async_trait]
impl Pushed for Arc<dyn Store> {
    async fn pushed(&self, route: &Name) -> Result<Vec<PushedCount>, StoreError> {
        self.as_ref().pushed(route).await
    }
}

/// All counters of a route.
pub(super) async fn read(from: &dyn Pushed, route: &Name) -> Result<Vec<PushedCount>, Failure> {
    from.pushed(route).await.map_err(|e| {
        let told = format!("what was pushed for `{route}` cannot be read: {e}");
        Failure::new(TroubleKind::Unreachable, told)
    })
}

/// One counter of one arm. Nothing yet is no mistake: the counter begins with the first observation.
pub(super) fn reading(
    counts: &[PushedCount],
    route: &Name,
    arm: &str,
    counter: Counter,
    until: Timestamp,
) -> Reading {
    let series = counts.iter().filter(|count| count.arm == arm).map(|count| {
        let value = match counter {
            Counter::Requests => count.requests,
            Counter::Failures
            | Counter::Buckets
            | Counter::Events
            | Counter::Sum
            | Counter::Squares
            | Counter::Level => count.failures,
        };
        let point = Point { at: count.updated.min(until), value: value as f64 };
        Found { key: format!("pushed/{route} {arm}"), points: vec![point] }
    });
    Reading {
        series: series.collect(),
        absent: Vec::new(),
        source: format!("what is pushed for `{route}`"),
        what: format!("arm `{arm}`"),
        fresh_for: FRESH_FOR,
        awaited: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(observations: &str, expect: &str) {
        let text = format!(r#"{{"batch":"b1","route":"shop","observations":[{observations}]}}"#);
        let told = serde_json::from_str::<Batch>(&text)
            .map_err(|e| e.to_string())
            .and_then(|batch| fold(&batch, Timestamp::default()));
        let told = told.map(|stored| {
            let arms = stored.counts.iter();
            let arms = arms.map(|(arm, sum)| format!("{arm} {}/{}", sum.failures, sum.requests));
            arms.collect::<Vec<_>>().join(" ")
        });
        let told = told.unwrap_or_else(|e| e);
        assert!(told.starts_with(expect), "{observations}: {told}");
    }

    #[test]
    fn observations_are_summed_by_arm() {
        check("", "");
        check(
            r#"{"arm":"v2","outcome":"ok"},{"arm":"v2","outcome":"failed","latency_ms":3.5},
               {"arm":"V2","outcome":"failed","count":7},{"arm":"v2","outcome":"ok","count":10}"#,
            "V2 7/7 v2 1/12",
        );
    }

    #[test]
    fn what_cannot_be_counted_is_named() {
        let ok = r#"{"arm":"v2","outcome":"ok"}"#;
        check(
            r#"{"arm":"v2","outcome":"fail"}"#,
            "unknown variant `fail`, expected `ok` or `failed`",
        );
        check(r#"{"arm":"v2","outcome":"ok","n":1}"#, "unknown field `n`");
        check(r#"{"arm":"v2","outcome":"ok","count":-1}"#, "invalid value: integer `-1`");
        check(&format!(r#"{ok},{{"arm":"","outcome":"ok"}}"#), "observation 2: the arm is empty");
        check(r#"{"arm":"v2","outcome":"ok","count":0}"#, "observation 1: `count` is 0");
        check(r#"{"arm":"v2","outcome":"ok","latency_ms":-1}"#, "observation 1: `latency_ms`");
        let big = format!(r#"{{"arm":"v2","outcome":"ok","count":{}}}"#, u64::MAX);
        check(
            &format!("{ok},{big}"),
            "observation 2: `count` adds up to more than 9007199254740992",
        );
        check(&vec![ok; 10_001].join(","), "10001 observations are more than 10000");
        let long = "x".repeat(201);
        check(&format!(r#"{{"arm":"{long}","outcome":"ok"}}"#), "observation 1: the arm is longer");
    }

    #[test]
    fn an_arm_is_its_label_letter_by_letter() {
        let route = Name::new("shop").expect("a name");
        let at = |s| Timestamp::default().plus(Duration::from_secs(s));
        let count = |arm: &str, requests| PushedCount {
            arm: arm.to_owned(),
            requests,
            failures: 1,
            updated: at(5),
        };
        let counts = [count("V2", 7), count("v2", 9)];
        let got = reading(&counts, &route, "v2", Counter::Requests, at(4));
        assert_eq!(got.series.len(), 1);
        assert_eq!(got.series[0].points, [Point { at: at(4), value: 9.0 }]);
        assert_eq!(reading(&counts, &route, "v3", Counter::Failures, at(9)).series, []);
    }
}
