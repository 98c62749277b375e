//! `segments:` -> attributes and their values, and what they make of a plan.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::model::{OnRegression, Plan};
use super::problem::{Sink, quoted};
use super::scalar;
use super::yaml::Pair;

/// Of all attributes together: each has evidence of its own in every check, and a share of what may be a false alarm.
const MOST_SEGMENTS: usize = 50;
/// What is judged, segments and all: bounds the state of a rollout and the time of a look.
const MOST_ITEMS: usize = 1000;
const LONGEST_VALUE: usize = 100;

pub(super) fn segments(f: Fields<'_>, sink: &mut Sink<'_>) -> BTreeMap<String, Vec<String>> {
    let pairs = f.pairs("segments");
    if f.map("segments").is_some() && pairs.is_empty() {
        let mend = "write `segments: { platform: [ios, android, web] }`, or leave it out";
        sink.error(f.at("segments"), "`segments` names none", mend);
    }
    pairs.iter().map(|pair| (pair.key.clone(), values(pair, sink))).collect()
}

/// An attribute is a label in queries.
fn values(pair: &Pair, sink: &mut Sink<'_>) -> Vec<String> {
    if let Err(mend) = scalar::label(&pair.key)
        && scalar::name(&pair.key).is_ok()
    {
        sink.error(pair.key_at, format!("{} is no attribute", quoted(&pair.key)), mend);
    }
    let mut values = Vec::new();
    // A longer list was told; looking for twins in it would be dear.
    for node in pair.value.items().iter().take(MOST_SEGMENTS + 1) {
        let Some(text) = node.text() else { continue };
        if values.iter().any(|value| value == text) {
            let message = format!("segment {} is written twice", quoted(text));
            sink.error(node.at, message, "keep one of them");
        } else if scalar::text(text).is_ok() && !is_short(text) {
            let mend = format!("write 1 to {LONGEST_VALUE} characters on one line");
            sink.error(node.at, format!("{} is no value of a segment", quoted(text)), mend);
        }
        values.push(text.to_owned());
    }
    values
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= LONGEST_VALUE && !text.contains(['\n', '\t'])
}

pub(super) fn check(plan: &Plan, f: Fields<'_>, sink: &mut Sink<'_>) {
    let many: usize = plan.segments.values().map(Vec::len).sum();
    if many > MOST_SEGMENTS {
        // One list that is too long by itself was told.
        if plan.segments.values().all(|values| values.len() <= MOST_SEGMENTS) {
            let mend = format!("write at most {MOST_SEGMENTS} in all");
            sink.error(f.at("segments"), format!("{many} segments"), mend);
        }
        return;
    }
    let comparing = plan.checks.iter().filter(|c| c.tolerate.is_some()).count();
    let judged = plan.checks.len() + comparing * many;
    if judged > MOST_ITEMS {
        let message = format!("{judged} checks, each segment's counted");
        sink.error(f.at("checks"), message, format!("write at most {MOST_ITEMS}"));
    }
    if plan.on_regression == OnRegression::RevertSegment && f.node("segments").is_none() {
        let mend = "add `segments: { platform: [ios, android, web] }`, or write `revert`";
        sink.error(f.at("on_regression"), "there is no segment to revert", mend);
    }
}
