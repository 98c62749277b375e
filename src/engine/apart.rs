//! What is judged once a segment is cut.
//!
//! Owns: which items still compare like with like, and the numbers of everybody less those of the cut segment.
//! Invariant: users who are all on one arm are on neither side of a comparison, or a platform that fails more than
//! others by nature would pass for a difference between the versions.

use super::state::State;
use crate::domain::Segment;
use crate::judge::{
    Counts, Criterion, Histogram, LookInput, Moments, Numbers, Requests, Slower, Values,
};
use crate::plan::{self, Item, Of, Program, Splitter};

/// Fewer canary requests of a cut segment in a look are stragglers.
const MANY: u64 = 10;

/// How one of a plan's [`items`](crate::plan::Plan::items) is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    AsCounted,
    /// Of everybody, less the counts of these items.
    Without(Vec<usize>),
    /// Who is left in it cannot be told, or nobody is.
    Not,
}

/// One for each item, in order.
pub(super) fn judged_items(program: &Program, state: &State) -> Vec<Judged> {
    let items = program.plan.items();
    let cut: Vec<&Segment> = state.cuts.iter().map(|cut| &cut.segment).collect();
    items.iter().map(|item| judged(item, &items, &cut)).collect()
}

fn judged(item: &Item<'_>, items: &[Item<'_>], cut: &[&Segment]) -> Judged {
    let compares = item.check.of == Of::Arms && item.check.tolerate.is_some();
    if cut.is_empty() || !compares {
        return Judged::AsCounted;
    }
    if let Some(segment) = &item.segment {
        // The browsers of a platform that was cut are on one arm alone as well.
        let apart = |c: &&Segment| c.attribute == segment.attribute && *c != segment;
        return if cut.iter().all(apart) { Judged::AsCounted } else { Judged::Not };
    }
    let of = |c: &&Segment| {
        let same = |other: &Item<'_>| {
            other.check.name == item.check.name && other.segment.as_ref() == Some(*c)
        };
        items.iter().position(same)
    };
    match cut.iter().map(of).collect() {
        // A level is no sum of its parts.
        Some(_) if matches!(item.check.numbers, plan::Numbers::Gauge { .. }) => Judged::Not,
        Some(parts) => Judged::Without(parts),
        None => Judged::Not,
    }
}

/// Takes the cut segments out of a look. `route`: the item whose requests tell the split; without its numbers less the
/// cut the split cannot be told.
pub(super) fn leave_out(
    program: &Program,
    state: &State,
    route: usize,
    criteria: &mut [Criterion],
    input: &mut LookInput,
) {
    if state.cuts.is_empty() {
        return;
    }
    let whole = input.checks.clone();
    let mut others = None;
    for (index, judged) in judged_items(program, state).into_iter().enumerate() {
        match (judged, criteria.get_mut(index), input.checks.get_mut(index)) {
            (Judged::Not, Some(criterion), _) => criterion.tolerate = None,
            (Judged::Without(parts), _, Some(numbers)) => {
                *numbers = rest(&whole, index, &parts);
                let requests = numbers.as_ref().and_then(Numbers::requests);
                others = others.or(requests.filter(|_| index == route));
            }
            _ => {}
        }
    }
    input.split = input.split.and(others);
}

/// A cut segment that still gets the canary though everybody who follows the route has acknowledged the cut: what users
/// get is what counts (L12). Clients of a flag are never waited for. `seen`: each item's numbers, nothing left out.
pub(super) fn not_heeded(
    program: &Program,
    state: &State,
    seen: &[Option<Numbers>],
) -> Option<String> {
    if !matches!(program.route.split, Splitter::Pull { .. }) {
        return None;
    }
    let items = program.plan.items();
    let cut =
        |item: &Item<'_>| state.cuts.iter().any(|c| item.segment.as_ref() == Some(&c.segment));
    let of_cut = items.iter().zip(seen).filter(|(item, _)| cut(item));
    let exposed = |(item, numbers): (&Item<'_>, &Option<Numbers>)| {
        let Requests { canary, baseline } = numbers.as_ref()?.requests()?;
        let many = canary >= MANY && canary.saturating_mul(100) > baseline;
        let segment = item.segment.as_ref().filter(|_| many)?;
        Some(format!(
            "{segment} is cut, and the canary still got {canary} of its requests: does every program that follows \
             {} heed `segments`?",
            program.route.name
        ))
    };
    of_cut.filter_map(exposed).next()
}

/// `None` where one of them is not known.
fn rest(seen: &[Option<Numbers>], whole: usize, parts: &[usize]) -> Option<Numbers> {
    let of = |item: usize| seen.get(item).and_then(Option::as_ref);
    parts.iter().try_fold(of(whole)?.clone(), |rest, part| less(&rest, of(*part)?))
}

/// What is left of `all` without `part`; a part that was read a moment later may have more, and leaves nothing. `None`
/// where the two are not of one kind.
fn less(all: &Numbers, part: &Numbers) -> Option<Numbers> {
    Some(match (all, part) {
        (Numbers::Counts(all), Numbers::Counts(part)) => Numbers::Counts(counts(all, part)),
        (Numbers::Histogram(all), Numbers::Histogram(part)) => {
            Numbers::Histogram(histogram(all, part)?)
        }
        (Numbers::Values(all), Numbers::Values(part)) => Numbers::Values(Values {
            canary: moments(all.canary, part.canary),
            baseline: moments(all.baseline, part.baseline),
        }),
        _ => return None,
    })
}

fn counts(all: &Counts, part: &Counts) -> Counts {
    let canary_requests = all.canary_requests.saturating_sub(part.canary_requests);
    let baseline_requests = all.baseline_requests.saturating_sub(part.baseline_requests);
    let failed = |all: u64, part: u64, requests: u64| all.saturating_sub(part).min(requests);
    Counts {
        canary_failures: failed(all.canary_failures, part.canary_failures, canary_requests),
        baseline_failures: failed(all.baseline_failures, part.baseline_failures, baseline_requests),
        canary_requests,
        baseline_requests,
    }
}

/// Slow requests stay ordered: never more of a higher bound than of a lower. `None` where a bound of all is none of the
/// part's: how many of its requests were slower nobody knows.
fn histogram(all: &Histogram, part: &Histogram) -> Option<Histogram> {
    let canary_requests = all.canary_requests.saturating_sub(part.canary_requests);
    let baseline_requests = all.baseline_requests.saturating_sub(part.baseline_requests);
    let (mut canary, mut baseline) = (canary_requests, baseline_requests);
    let mut slower = Vec::with_capacity(all.slower.len());
    let nobody = part.canary_requests == 0 && part.baseline_requests == 0;
    for bound in &all.slower {
        let none = Slower { than: bound.than, canary: 0, baseline: 0 };
        let same = part.slower.iter().find(|of_part| of_part.than == bound.than);
        let cut = same.copied().or(nobody.then_some(none))?;
        canary = canary.min(bound.canary.saturating_sub(cut.canary));
        baseline = baseline.min(bound.baseline.saturating_sub(cut.baseline));
        slower.push(Slower { than: bound.than, canary, baseline });
    }
    Some(Histogram { canary_requests, baseline_requests, slower })
}

/// Squares are kept above what rounding may make impossible.
fn moments(all: Moments, part: Moments) -> Moments {
    let events = all.events.saturating_sub(part.events);
    if events == 0 {
        return Moments::default();
    }
    let sum = all.sum - part.sum;
    let least = sum * sum / events as f64;
    Moments { events, sum, squares: (all.squares - part.squares).max(least) }
}
