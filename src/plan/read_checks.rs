//! `checks:` -> what is compared, and what is forbidden outright.

use std::time::Duration;

use crate::domain::Name;
use crate::judge::{Limit, LimitAction, LimitKind, Tolerance};

use super::fields::Fields;
use super::keys_plan::CHECK;
use super::model::{Check, Numbers, SourceRef};
use super::problem::Sink;
use super::read_route::{prometheus, query, source};
use super::shape::has_later;
use super::yaml::{Node, Pair};

/// Fewer canary requests in a look than this are no base for a share.
const MIN_REQUESTS: u64 = 20;

/// What every comparing check has: more than half of a look's requests failing needs no statistics.
fn half_fails() -> Limit {
    Limit {
        kind: LimitKind::ErrorsAbove(0.5),
        min_requests: MIN_REQUESTS,
        lasting: Duration::ZERO,
        then: LimitAction::Revert,
    }
}

/// The written checks.
pub(super) fn checks(f: Fields<'_>, sink: &mut Sink<'_>) -> Vec<Check> {
    f.pairs("checks").iter().filter_map(|pair| check(pair, sink)).collect()
}

/// What a plan without checks is judged by where its route counts.
pub(super) fn default_check() -> Option<Check> {
    let name = Name::new("errors").ok()?;
    Some(Check::of_requests(name, Numbers::Route, Some(Tolerance::default()), vec![half_fails()]))
}

fn check(pair: &Pair, sink: &mut Sink<'_>) -> Option<Check> {
    pair.value.map()?;
    if has_later(&pair.value, &CHECK) {
        return None;
    }
    let f = Fields(&pair.value);
    let mut limits: Vec<Limit> =
        f.node("limit").map(Node::items).unwrap_or_default().iter().filter_map(limit).collect();
    let tolerate = match f.str("tolerate") {
        Some(text) => super::scalar::tolerance(text).ok(),
        None if f.node("limit").is_none() => {
            let mend = "add `tolerate: 1.1x` to say that it is meant";
            let message = format!("check `{}` without a tolerance: 1.1x is taken", pair.key);
            sink.warn(pair.key_at, message, mend);
            Some(Tolerance::default())
        }
        None => None,
    };
    if tolerate.is_some() {
        limits.push(half_fails());
    }
    let numbers = numbers(pair, sink)?;
    Some(Check::of_requests(super::scalar::name(&pair.key).ok()?, numbers, tolerate, limits))
}

fn numbers(pair: &Pair, sink: &mut Sink<'_>) -> Option<Numbers> {
    let f = Fields(&pair.value);
    let own = f.node("failures").or(f.node("requests"));
    let source = source(f);
    match (own, source) {
        (None, None) => Some(Numbers::Route),
        (None, Some(SourceRef::Push)) => Some(Numbers::Push),
        (None, Some(_)) => {
            let mend = "add `failures: …{$arm}` and `requests: …{$arm}`";
            sink.error(f.at("source"), "a source without counters to ask for", mend);
            None
        }
        (Some(node), Some(SourceRef::Push)) => {
            let mend = "leave `failures` and `requests` out: observations carry their outcome";
            sink.error(node.at, "pushed observations have no counters to name", mend);
            None
        }
        (Some(_), source) => {
            let failures = query(f, "failures", sink);
            let requests = query(f, "requests", sink);
            for (key, other) in [("failures", "requests"), ("requests", "failures")] {
                if f.node(key).is_none() {
                    let message = format!("`{other}` without `{key}`");
                    sink.error(f.at(other), message, format!("add `{key}: …{{$arm}}`"));
                }
            }
            let source = source.unwrap_or_else(prometheus);
            Some(Numbers::Counters { source, failures: failures?, requests: requests? })
        }
    }
}

fn limit(node: &Node) -> Option<Limit> {
    let f = Fields(node);
    let words = [("revert", LimitAction::Revert), ("pause", LimitAction::Pause)];
    Some(Limit {
        kind: LimitKind::ErrorsAbove(f.percent("errors_above")?.fraction()),
        min_requests: f.whole("min_requests").unwrap_or(MIN_REQUESTS),
        lasting: f.length("for").unwrap_or_default(),
        then: f.word("then", &words).unwrap_or(LimitAction::Revert),
    })
}
