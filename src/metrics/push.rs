//! Observations sent to us: the batch's form, and what it adds up to.
//!
//! Owns: what may be sent, and what each observation adds to which counter. Pure.
//! Does not: take the request (`api`), keep anything (`store`), or read it back (`pushed`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::grid;
use crate::domain::{Name, Segment, Timestamp};
use crate::store::{Moment, PushBatch, PushedCounter, PushedSeries, PushedUser};

/// Of one batch.
const MOST_OBSERVATIONS: usize = 10_000;
/// Characters of a batch id, an arm, a user or a segment's value.
const LONGEST_TEXT: usize = 200;
/// Characters of an attribute or a number's name.
const LONGEST_NAME: usize = 100;
/// Attributes, and numbers, of one observation.
const MOST_PARTS: usize = 20;
/// Beyond this the judge's floats would no longer count one by one.
const LARGEST_COUNT: f64 = (1_u64 << 53) as f64;
/// The square of a value, times all there can be of it, stays a finite number.
const LARGEST_VALUE: f64 = 1e15;

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
    /// Milliseconds, from 0 up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Numbers by name, each from 0 to 1e15.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Whose request it was; only a keyed hash of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Attributes of the user or the request: it is counted in each of these segments too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segment: BTreeMap<String, String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeOf {
    Ok,
    Failed,
}

/// Sums a batch per arm and counter, ready to store.
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
    let mut sums = Sums::default();
    for (index, observation) in batch.observations.iter().enumerate() {
        sums.add(observation).map_err(|problem| format!("observation {}: {problem}", index + 1))?;
    }
    let user = |((arm, segment, user), failed)| PushedUser { arm, segment, user, failed };
    Ok(PushBatch {
        route: batch.route.clone(),
        batch: batch.batch.clone(),
        counts: sums.counts,
        users: sums.users.into_iter().map(user).collect(),
        at,
    })
}

#[derive(Default)]
struct Sums {
    counts: BTreeMap<String, BTreeMap<PushedSeries, f64>>,
    /// By arm, segment and id: whether they had a failure.
    users: BTreeMap<(String, Option<Segment>, String), bool>,
}

impl Sums {
    /// Once among everybody, and once in each segment.
    fn add(&mut self, observation: &Observation) -> Result<(), String> {
        check(observation)?;
        self.add_in(observation, None)?;
        for (attribute, value) in &observation.segment {
            let segment = Segment { attribute: attribute.clone(), value: value.clone() };
            self.add_in(observation, Some(segment))?;
        }
        Ok(())
    }

    fn add_in(&mut self, o: &Observation, segment: Option<Segment>) -> Result<(), String> {
        let (many, failed) = (o.count.unwrap_or(1) as f64, o.outcome == OutcomeOf::Failed);
        let counts = self.counts.entry(o.arm.clone()).or_default();
        let mut add = |counter, more: f64| {
            let series = PushedSeries::of(counter, segment.clone());
            let sum = counts.entry(series).or_default();
            *sum += more;
            *sum
        };
        if add(PushedCounter::Requests, many) > LARGEST_COUNT {
            return Err(format!("`count` adds up to more than {LARGEST_COUNT}"));
        }
        if failed {
            add(PushedCounter::Failures, many);
        }
        if let Some(ms) = o.latency_ms {
            add(PushedCounter::Latency(grid::cell(ms)), many);
        }
        for (name, value) in &o.values {
            let of = |moment| PushedCounter::Value { name: name.clone(), moment };
            add(of(Moment::Events), many);
            add(of(Moment::Sum), many * value);
            add(of(Moment::Squares), many * value * value);
        }
        if let Some(user) = &o.user {
            *self.users.entry((o.arm.clone(), segment, user.clone())).or_default() |= failed;
        }
        Ok(())
    }
}

fn check(o: &Observation) -> Result<(), String> {
    short("the arm", &o.arm)?;
    if o.count == Some(0) {
        return Err("`count` is 0: leave such an observation out".to_owned());
    }
    if o.latency_ms.is_some_and(|ms| !ms.is_finite() || ms < 0.0) {
        return Err("`latency_ms` is no length of time".to_owned());
    }
    if let Some(user) = &o.user {
        short("`user`", user)?;
    }
    few("values", o.values.len())?;
    for (name, value) in &o.values {
        named("a value", name, |c| c.is_ascii_alphanumeric() || "_.-".contains(c))?;
        if !(0.0..=LARGEST_VALUE).contains(value) {
            return Err(format!("the value `{name}` is no number from 0 to 1e15"));
        }
    }
    few("attributes", o.segment.len())?;
    for (attribute, value) in &o.segment {
        named("an attribute", attribute, |c| c.is_ascii_alphanumeric() || "_.-".contains(c))?;
        short(&format!("`{attribute}`"), value)?;
    }
    Ok(())
}

fn few(what: &str, many: usize) -> Result<(), String> {
    if many <= MOST_PARTS {
        return Ok(());
    }
    Err(format!("{many} {what} are more than {MOST_PARTS}"))
}

fn named(what: &str, name: &str, fits: impl Fn(char) -> bool) -> Result<(), String> {
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let short: String = name.chars().take(LONGEST_NAME).collect();
    Err(format!(
        "{what} cannot be named `{short}`: letters, digits and `_`, `.`, `-`, up to {LONGEST_NAME}"
    ))
}

fn short(what: &str, text: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err(format!("{what} is empty")),
        1..=LONGEST_TEXT => Ok(()),
        _ => Err(format!("{what} is longer than {LONGEST_TEXT} characters")),
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
            let arm = |(arm, counts): (&String, &BTreeMap<PushedSeries, f64>)| {
                let counts = counts.iter().map(|(series, sum)| format!("{series} {sum}"));
                format!("{arm}: {}", counts.collect::<Vec<_>>().join(", "))
            };
            let user = |u: &PushedUser| {
                let segment = u.segment.as_ref().map_or(String::new(), |s| format!(" in {s}"));
                format!("{} {}{segment} {}", u.user, u.arm, if u.failed { "failed" } else { "ok" })
            };
            let told = stored.counts.iter().map(arm).chain(stored.users.iter().map(user));
            told.collect::<Vec<_>>().join("; ")
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
            "V2: requests 7, failures 7; v2: requests 12, failures 1, latency/8 1",
        );
    }

    #[test]
    fn values_are_summed_with_their_squares() {
        check(
            r#"{"arm":"v2","outcome":"ok","values":{"basket":2.5,"items":3}},
               {"arm":"v2","outcome":"failed","count":2,"values":{"basket":10}}"#,
            "v2: requests 3, failures 2, events/basket 3, sum/basket 22.5, squares/basket 206.25, \
             events/items 1, sum/items 3, squares/items 9",
        );
    }

    #[test]
    fn segments_count_beside_everybody() {
        check(
            r#"{"arm":"v2","outcome":"failed","latency_ms":1,"segment":{"platform":"ios","plan":"pro"}},
               {"arm":"v2","outcome":"ok","segment":{"platform":"web"}}"#,
            "v2: requests 2, requests in plan=pro 1, requests in platform=ios 1, \
             requests in platform=web 1, failures 1, failures in plan=pro 1, \
             failures in platform=ios 1, latency/0 1, latency/0 in plan=pro 1, \
             latency/0 in platform=ios 1",
        );
    }

    #[test]
    fn a_user_fails_with_any_failure() {
        check(
            r#"{"arm":"v2","outcome":"failed","user":"ana","segment":{"platform":"ios"}},
               {"arm":"v2","outcome":"ok","user":"ana"},{"arm":"v1","outcome":"ok","user":"ana"},
               {"arm":"v2","outcome":"ok","user":"jo"}"#,
            "v1: requests 1; v2: requests 3, requests in platform=ios 1, failures 1, \
             failures in platform=ios 1; ana v1 ok; ana v2 failed; jo v2 ok; \
             ana v2 in platform ios failed",
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
        for (odd, expect) in [
            (r#""user":"""#, "`user` is empty"),
            (r#""values":{"a b":1}"#, "a value cannot be named `a b`"),
            (r#""values":{"":1}"#, "a value cannot be named ``"),
            (r#""values":{"a":-1}"#, "the value `a` is no number from 0"),
            (r#""values":{"a":1e16}"#, "the value `a` is no number from 0"),
            (r#""segment":{"a=b":"x"}"#, "an attribute cannot be named `a=b`"),
            (r#""segment":{"a":""}"#, "`a` is empty"),
        ] {
            let row = format!(r#"{{"arm":"v2","outcome":"ok",{odd}}}"#);
            check(&row, &format!("observation 1: {expect}"));
        }
        let many: Vec<String> = (0..21).map(|i| format!(r#""v{i}":1"#)).collect();
        let many = format!(r#"{{"arm":"v2","outcome":"ok","values":{{{}}}}}"#, many.join(","));
        check(&many, "observation 1: 21 values are more than 20");
        let big = format!(r#"{{"arm":"v2","outcome":"ok","count":{}}}"#, u64::MAX);
        check(
            &format!("{ok},{big}"),
            "observation 2: `count` adds up to more than 9007199254740992",
        );
        check(&vec![ok; 10_001].join(","), "10001 observations are more than 10000");
        let long = "x".repeat(201);
        check(&format!(r#"{{"arm":"{long}","outcome":"ok"}}"#), "observation 1: the arm is longer");
    }
}
