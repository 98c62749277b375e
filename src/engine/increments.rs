//! Differences of cumulative counters, with what restarts and births do to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::look::Seen;
use super::sample::{Answer, Ask, Counter, Point, Series};
use crate::domain::{Arm, Timestamp};
use crate::judge::Counts;

/// Series remembered per rollout. A quiet one must not be forgotten: seen again, it would look newly born.
const REMEMBERED: usize = 4096;

/// Adds up what every series rose by, and remembers where it stands. `first`: nothing was read before, so that nothing
/// can be said to have risen.
pub(super) fn take_increments(
    last: &mut BTreeMap<String, Point>,
    asks: &[Ask],
    answer: &Answer,
    first: bool,
) -> Seen {
    let spoilt = spoilt_checks(asks, answer);
    let known = known_origins(last, asks);
    let mut sums = vec![0.0; asks.len()];
    let mut restarted = false;
    for series in &answer.series {
        let Some(check) = asks.get(series.ask).map(|ask| ask.check) else { continue };
        // What is only unreadable now would seem born later: nothing of its check moves on.
        if spoilt.contains(&check) {
            continue;
        }
        let born = !first && known.contains(&(check, series.origin().to_owned()));
        let rise = rise(last, series, born);
        restarted |= rise.restarted;
        sums[series.ask] += rise.by;
    }
    forget(last);
    Seen { checks: counts(asks, &sums, &spoilt), restarted }
}

fn spoilt_checks(asks: &[Ask], answer: &Answer) -> BTreeSet<usize> {
    let spoilt = answer.troubles.iter().flat_map(|t| &t.asks);
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

/// A fall is a restart: what was counted since then is the new value. A series born on an origin that was read before
/// began at zero; one of a new origin began before we looked.
fn rise(last: &mut BTreeMap<String, Point>, series: &Series, born: bool) -> Rise {
    let key = format!("{}/{}", series.ask, series.key);
    let mut before = last.get(&key).map(|point| point.value).or(born.then_some(0.0));
    let mut rise = Rise { by: 0.0, restarted: false };
    for point in &series.points {
        match before {
            Some(value) if point.value >= value => rise.by += point.value - value,
            Some(_) => {
                rise.by += point.value;
                rise.restarted = true;
            }
            None => {}
        }
        before = Some(point.value);
    }
    if let Some(point) = series.points.last() {
        last.insert(key, *point);
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

fn counts(asks: &[Ask], sums: &[f64], spoilt: &BTreeSet<usize>) -> Vec<Option<Counts>> {
    let checks = asks.iter().map(|a| a.check + 1).max().unwrap_or(0);
    let mut all = vec![Some(Counts::default()); checks];
    for (ask, sum) in asks.iter().zip(sums) {
        if spoilt.contains(&ask.check) {
            all[ask.check] = None;
        }
        // Counters are whole numbers, but for sums of floats in a source: the nearest whole one is meant.
        let whole = sum.round().max(0.0) as u64;
        if let Some(counts) = &mut all[ask.check] {
            match (ask.arm, ask.counter) {
                (Arm::Canary, Counter::Requests) => counts.canary_requests = whole,
                (Arm::Canary, Counter::Failures) => counts.canary_failures = whole,
                (Arm::Baseline, Counter::Requests) => counts.baseline_requests = whole,
                (Arm::Baseline, Counter::Failures) => counts.baseline_failures = whole,
            }
        }
    }
    all
}
