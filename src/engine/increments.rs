//! Differences of cumulative counters, with what restarts and births do to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::look::{Memory, Seen};
use super::sample::{Answer, Ask, Counter, Point, Series};
use crate::domain::{Arm, Generation, Timestamp};
use crate::judge::Counts;

/// Series remembered per rollout. A quiet one must not be forgotten: seen again, it would look newly born.
const REMEMBERED: usize = 4096;

/// Adds up what every series rose by, and remembers where it stands. `now`: the split in force.
///
/// The four counters of a check stand still together where one of them has no answer, so that the look that ends the gap
/// covers it for both arms alike, as a restart of ours does; across a change of weight it counts nothing.
pub(super) fn take_increments(
    memory: &mut Memory,
    asks: &[Ask],
    answer: &Answer,
    now: Generation,
) -> Seen {
    let known = known_origins(&memory.last, asks);
    let spoilt = spoilt(asks, answer);
    let stood = memory.until.map(|_| memory.generation);
    let mut sums = vec![0.0; asks.len()];
    let mut torn = memory.behind.keys().any(|check| !spoilt.contains(check));
    let mut began = false;
    for series in &answer.series {
        let Some(ask) = asks.get(series.ask).filter(|ask| !spoilt.contains(&ask.check)) else {
            continue;
        };
        let born = known.contains(&(ask.check, series.origin().to_owned()));
        began |= !known.iter().any(|(check, _)| *check == ask.check);
        let rise = rise(&mut memory.last, series, born);
        torn |= rise.restarted;
        sums[series.ask] += rise.by;
    }
    forget(&mut memory.last);
    let mut checks = counts(asks, &sums);
    for (check, counts) in checks.iter_mut().enumerate() {
        if spoilt.contains(&check) {
            memory.behind.entry(check).or_insert(stood);
            *counts = None;
        } else if memory.behind.remove(&check).is_some_and(|then| then != Some(now)) {
            *counts = Some(Counts::default());
            began = true;
        }
    }
    Seen { checks, torn, began }
}

/// The checks that a trouble leaves without a whole answer.
fn spoilt(asks: &[Ask], answer: &Answer) -> BTreeSet<usize> {
    let spoilt = answer.troubles.iter().flat_map(|trouble| &trouble.asks);
    spoilt.filter_map(|ask| asks.get(*ask)).map(|ask| ask.check).collect()
}

/// What was read before, by check.
fn known_origins(last: &BTreeMap<String, Point>, asks: &[Ask]) -> BTreeSet<(usize, String)> {
    let origin = |key: &String| {
        let (ask, key) = key.split_once('/')?;
        let check = asks.get(ask.parse::<usize>().ok()?)?.check;
        Some((check, key.split_once(' ')?.0.to_owned()))
    };
    last.keys().filter_map(origin).collect()
}

struct Rise {
    by: f64,
    restarted: bool,
}

/// A fall is a restart: what was counted since then is the new value. A series born of an origin that was read before
/// began at zero; one of a new origin began before we looked.
fn rise(last: &mut BTreeMap<String, Point>, series: &Series, born: bool) -> Rise {
    let key = format!("{}/{}", series.ask, series.key);
    let mut before = last.get(&key).map(|point| point.value).or(born.then_some(0.0));
    let mut rise = Rise { by: 0.0, restarted: false };
    // What is no number would stand in every later difference.
    let points = series.points.iter().filter(|p| p.value.is_finite() && p.value >= 0.0);
    let mut latest = None;
    for point in points {
        match before {
            Some(value) if point.value >= value => rise.by += point.value - value,
            Some(_) => {
                rise.by += point.value;
                rise.restarted = true;
            }
            None => {}
        }
        before = Some(point.value);
        latest = Some(*point);
    }
    if let Some(point) = latest {
        last.insert(key, point);
    }
    rise
}

/// Past the bound, those not seen for longest go first.
fn forget(last: &mut BTreeMap<String, Point>) {
    if last.len() <= REMEMBERED {
        return;
    }
    let mut seen: Vec<Timestamp> = last.values().map(|point| point.at).collect();
    seen.sort_unstable();
    let keep_from = seen[seen.len() - REMEMBERED];
    last.retain(|_, point| point.at >= keep_from);
}

fn counts(asks: &[Ask], sums: &[f64]) -> Vec<Option<Counts>> {
    let checks = asks.iter().map(|a| a.check + 1).max().unwrap_or(0);
    let mut all = vec![Counts::default(); checks];
    for (ask, sum) in asks.iter().zip(sums) {
        // Counters are whole numbers, but for sums of floats in a source: the nearest whole one is meant.
        let whole = sum.round().max(0.0) as u64;
        let counts = &mut all[ask.check];
        match (ask.arm, ask.counter) {
            (Arm::Canary, Counter::Requests) => counts.canary_requests = whole,
            (Arm::Canary, Counter::Failures) => counts.canary_failures = whole,
            (Arm::Baseline, Counter::Requests) => counts.baseline_requests = whole,
            (Arm::Baseline, Counter::Failures) => counts.baseline_failures = whole,
            (
                _,
                Counter::Buckets
                | Counter::Events
                | Counter::Sum
                | Counter::Squares
                | Counter::Level,
            ) => {}
        }
    }
    all.into_iter().map(Some).collect()
}
