//! `limit:` -> plain thresholds, each of a kind that its check can have.

use crate::judge::{Limit, LimitAction, LimitKind};

use super::family::Family;
use super::fields::Fields;
use super::model::Of;
use super::problem::Sink;
use super::scalar::{Above, above, amount};
use super::yaml::Node;

/// Fewer canary requests in a look than this are no base for a share.
const MIN_REQUESTS: u64 = 20;

const QUANTILES: [(&str, f64); 5] = [
    ("p50_above", 0.5),
    ("p90_above", 0.9),
    ("p95_above", 0.95),
    ("p99_above", 0.99),
    ("p999_above", 0.999),
];

/// The written ones.
pub(super) fn limits(f: Fields<'_>, family: Family, of: &Of, sink: &mut Sink<'_>) -> Vec<Limit> {
    let nodes = f.node("limit").map(Node::items).unwrap_or_default();
    nodes.iter().filter_map(|node| limit(Fields(node), family, of, sink)).collect()
}

fn limit(f: Fields<'_>, family: Family, of: &Of, sink: &mut Sink<'_>) -> Option<Limit> {
    let (key, kind) = kind(f)?;
    if let Err(mend) = fits(kind, family, of) {
        let about = if *of == Of::Both { "both arms together" } else { family.words() };
        sink.error(f.key_at(key), format!("`{key}` is no limit of {about}"), mend);
        return None;
    }
    if let Some(mend) = never_or_always(kind) {
        sink.error(f.at(key), format!("`{key}` cannot be `{}`", f.str(key)?), mend);
    }
    if family == Family::Level && f.node("min_requests").is_some() {
        sink.error(f.key_at("min_requests"), "a level has no requests", "leave it out");
    }
    let then = if *of == Of::Both { LimitAction::Pause } else { LimitAction::Revert };
    Some(Limit {
        kind,
        min_requests: f.whole("min_requests").unwrap_or_else(|| min_requests(kind, family)),
        lasting: f.length("for").unwrap_or_default(),
        then: f.word("then", &ACTIONS).unwrap_or(then),
    })
}

const ACTIONS: [(&str, LimitAction); 3] = [
    ("revert", LimitAction::Revert),
    ("pause", LimitAction::Pause),
    ("step-back", LimitAction::StepBack),
];

/// The threshold with its key; `None` where it was told to be wrong.
fn kind(f: Fields<'_>) -> Option<(&'static str, LimitKind)> {
    if let Some(share) = f.percent("errors_above") {
        return Some(("errors_above", LimitKind::ErrorsAbove(share.fraction())));
    }
    if let Some(share) = f.percent("success_below") {
        return Some(("success_below", LimitKind::ErrorsAbove(share.complement().fraction())));
    }
    if let Some(text) = f.str("above") {
        return Some(match above(text).ok()? {
            Above::Amount(amount) => ("above", LimitKind::Above(amount)),
            Above::Before(times) => ("above", LimitKind::AboveBefore(times)),
        });
    }
    if let Some(text) = f.str("below") {
        return amount(text).ok().map(|amount| ("below", LimitKind::Below(amount)));
    }
    QUANTILES.into_iter().find_map(|(key, quantile)| {
        let seconds = f.length(key)?.as_secs_f64();
        Some((key, LimitKind::SlowerThan { quantile, seconds }))
    })
}

/// # Errors
/// What to write instead, where a check of this family has no such limit.
fn fits(kind: LimitKind, family: Family, of: &Of) -> Result<(), &'static str> {
    let of_both = *of == Of::Both;
    match (family, kind) {
        (Family::Failures | Family::Level, LimitKind::AboveBefore(_)) if of_both => Ok(()),
        (Family::Level, LimitKind::Above(_) | LimitKind::Below(_)) => Ok(()),
        _ if of_both => Err("write `above: 2x before`"),
        (_, LimitKind::AboveBefore(_)) => {
            Err("add `of: both`: one arm is compared with the other, not with before")
        }
        (Family::Failures, LimitKind::ErrorsAbove(_))
        | (Family::Slowness, LimitKind::SlowerThan { .. })
        | (Family::Values, LimitKind::Above(_) | LimitKind::Below(_)) => Ok(()),
        (Family::Failures, _) => Err("write `errors_above: 5%` or `success_below: 99%`"),
        (Family::Slowness, _) => Err("write `p99_above: 500ms`"),
        (Family::Values | Family::Level, _) => Err("write `above: 1000` or `below: 10`"),
    }
}

/// A limit that would never act, or at every look.
fn never_or_always(kind: LimitKind) -> Option<&'static str> {
    match kind {
        LimitKind::ErrorsAbove(share) if share >= 1.0 => {
            Some("it would never act; write `errors_above: 50%` or `success_below: 50%`")
        }
        LimitKind::SlowerThan { seconds, .. } if seconds <= 0.0 => {
            Some("every request takes longer; write a time like `500ms`")
        }
        LimitKind::Below(amount) if amount <= 0.0 => Some("write a number above 0"),
        _ => None,
    }
}

/// Where none are written: a slow tail needs more requests than a share of failures, or one slow request in a small
/// look would break it.
fn min_requests(kind: LimitKind, family: Family) -> u64 {
    match kind {
        _ if family == Family::Level => 0,
        LimitKind::SlowerThan { quantile, .. } => {
            // Two over the quantile: 200 for p99. The table of quantiles is ours, so this is small.
            MIN_REQUESTS.max((2.0 / (1.0 - quantile)).round() as u64)
        }
        _ => MIN_REQUESTS,
    }
}
