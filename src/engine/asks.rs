//! What the sources are asked for a look.
//!
//! Owns: a program -> every counter its items need, each with where it comes from.
//! Does not: read anything. An item that its source cannot answer has no asks, and is never judged.

use super::sample::{Ask, Counter, From, Pushed};
use crate::domain::{Arm, Name, Segment, Side};
use crate::plan::{
    Check, Count, Item, Numbers, Of, Program, Route, SourceRef, Splitter, Unit, Used, arm_query,
};

/// What stands in a query where the arm goes.
const MARK: &str = "$arm";

/// Every counter a look of this rollout needs, in the order of the plan's [`items`](crate::plan::Plan::items).
pub fn asks(program: &Program) -> Vec<Ask> {
    let items = program.plan.items();
    items.iter().enumerate().flat_map(|(check, item)| of_item(program, check, item)).collect()
}

fn of_item(program: &Program, check: usize, item: &Item<'_>) -> Vec<Ask> {
    let sides = match &item.check.of {
        Of::Arms | Of::Both => both_arms(program),
        Of::Route(name) => both_sides(program, name),
    };
    let ask = |side: &Half<'_>, counter| {
        let from = from(side, item, counter)?;
        Some(Ask { check, arm: side.arm, counter, from })
    };
    let counters = counters(item.check);
    let shared = is_shared(item.check);
    let sides = sides.iter().filter(|side| !shared || side.arm == Arm::Baseline);
    sides.flat_map(|side| counters.iter().filter_map(move |c| ask(side, *c))).collect()
}

/// One half of a route's traffic, and how it is told from the other.
struct Half<'a> {
    route: &'a Route,
    arm: Arm,
    side: Side,
    label: &'a str,
}

fn both_arms(program: &Program) -> Vec<Half<'_>> {
    let route = &program.route;
    let half = |arm, side, label| Half { route, arm, side, label };
    vec![
        half(Arm::Canary, program.canary_side, program.canary.as_str()),
        half(Arm::Baseline, program.canary_side.other(), program.baseline.as_str()),
    ]
}

/// Another route is judged as a whole: which of its sides is called canary means nothing. One whose label nobody
/// knows has never been counted here, unless its proxies count it by backend.
fn both_sides<'a>(program: &'a Program, name: &Name) -> Vec<Half<'a>> {
    let Some(Used { route, labels }) = program.uses.iter().find(|u| u.route.name == *name) else {
        return Vec::new();
    };
    let by_backend = route.count == Some(Count::Haproxy);
    let label = |side: Side| labels[side.index()].as_deref().or(by_backend.then_some(""));
    let half = |arm, side| Some(Half { route, arm, side, label: label(side)? });
    let alike = !by_backend && label(Side::A) == label(Side::B);
    let second = half(Arm::Canary, Side::B).filter(|_| !alike);
    half(Arm::Baseline, Side::A).into_iter().chain(second).collect()
}

fn counters(check: &Check) -> &'static [Counter] {
    match (&check.of, &check.numbers) {
        (Of::Route(_), _) | (_, Numbers::Route | Numbers::Push | Numbers::Counters { .. }) => {
            &[Counter::Requests, Counter::Failures]
        }
        (_, Numbers::Histogram { .. } | Numbers::Latency) => &[Counter::Buckets],
        (_, Numbers::Values { .. }) => &[Counter::Events, Counter::Sum, Counter::Squares],
        (_, Numbers::Gauge { .. }) => &[Counter::Level],
    }
}

/// A level that the arms share is asked once.
fn is_shared(check: &Check) -> bool {
    matches!(&check.numbers, Numbers::Gauge { query, .. } if !query.contains(MARK))
}

fn from(half: &Half<'_>, item: &Item<'_>, counter: Counter) -> Option<From> {
    let (check, segment) = (item.check, item.segment.as_ref());
    if let Of::Route(_) = check.of {
        return counted(half, half.route.count.as_ref()?, Unit::Request, segment, counter);
    }
    match &check.numbers {
        Numbers::Route => counted(half, half.route.count.as_ref()?, check.unit, segment, counter),
        Numbers::Push => counted(half, &Count::Push, check.unit, segment, counter),
        Numbers::Counters { source, failures, requests } => {
            Some(half.selector(source, one_of(counter, failures, requests), segment))
        }
        Numbers::Histogram { source, buckets } => Some(half.selector(source, buckets, segment)),
        Numbers::Latency => Some(half.pushed(Pushed::Latency, segment)),
        Numbers::Values { name } => Some(half.pushed(Pushed::Values(name.clone()), segment)),
        // Without the arm's place there is none for a segment.
        Numbers::Gauge { query, .. } if segment.is_some() && !query.contains(MARK) => None,
        Numbers::Gauge { source, query } => Some(half.level(source, query, segment)),
    }
}

fn counted(
    half: &Half<'_>,
    count: &Count,
    unit: Unit,
    segment: Option<&Segment>,
    counter: Counter,
) -> Option<From> {
    match (count, unit) {
        (Count::Push, Unit::Request) => Some(half.pushed(Pushed::Requests, segment)),
        (Count::Push, Unit::User) => Some(half.pushed(Pushed::Users, segment)),
        (Count::Queries { source, failures, requests }, _) => {
            Some(half.selector(source, one_of(counter, failures, requests), segment))
        }
        (Count::Haproxy, _) => half.backend().filter(|_| segment.is_none()),
    }
}

fn one_of<'a>(counter: Counter, failures: &'a str, requests: &'a str) -> &'a str {
    if counter == Counter::Failures { failures } else { requests }
}

impl Half<'_> {
    fn filled(&self, query: &str, segment: Option<&Segment>) -> String {
        let arm = (self.route.arm.label.as_str(), self.label);
        let segment = segment.map(|s| (s.attribute.as_str(), s.value.as_str()));
        let labels: Vec<(&str, &str)> = [arm].into_iter().chain(segment).collect();
        arm_query(query, &labels)
    }

    fn selector(&self, source: &SourceRef, query: &str, segment: Option<&Segment>) -> From {
        From::Selector { source: source.clone(), selector: self.filled(query, segment) }
    }

    /// Pages have series alone; Prometheus can compute.
    fn level(&self, source: &SourceRef, query: &str, segment: Option<&Segment>) -> From {
        match source {
            SourceRef::Prometheus(_) => {
                From::Expression { source: source.clone(), query: self.filled(query, segment) }
            }
            SourceRef::Scrape(_) | SourceRef::Push => self.selector(source, query, segment),
        }
    }

    fn pushed(&self, what: Pushed, segment: Option<&Segment>) -> From {
        From::Pushed {
            route: self.route.name.clone(),
            arm: self.label.to_owned(),
            what,
            segment: segment.cloned(),
        }
    }

    /// A proxy counts by backend, whatever the label.
    fn backend(&self) -> Option<From> {
        let Splitter::Haproxy { sides, .. } = &self.route.split else { return None };
        let backend = sides[self.side.index()].clone();
        Some(From::Haproxy { route: self.route.name.clone(), backend })
    }
}
