//! Differences of cumulative counters, with what restarts and births do to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::look::Seen;
use super::sample::{Answer, Ask, Counter, Point, Series};
use crate::domain::{Arm, Timestamp};
use crate::judge::Counts;

/// Series remembered per rollout. A quiet one must not be forgotten: seen again, it would look newly born.
const REMEMBERED: usize = 4096;

/// The last point of a series, and the process it was read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Last {
    pub point: Point,
    pub target: String,
}

/// Adds up what every series rose by, and remembers where it stands. `first`: nothing was read before, so that nothing
/// can be said to have risen.
pub(super) fn take_increments(
    last: &mut BTreeMap<String, Last>,
    asks: &[Ask],
    answer: &Answer,
    first: bool,
) -> Seen {
    let known: BTreeSet<String> = last.values().map(|l| l.target.clone()).collect();
    let mut sums = vec![0.0; asks.len()];
    let mut restarted = false;
    for series in &answer.series {
        let Some(sum) = sums.get_mut(series.ask) else { continue };
        let rise = rise(last, series, !first && known.contains(&series.target));
        restarted |= rise.restarted;
        *sum += rise.by;
    }
    forget(last);
    let spoilt: BTreeSet<usize> = answer.troubles.iter().flat_map(|t| t.asks.clone()).collect();
    Seen { checks: counts(asks, &sums, &spoilt), restarted }
}

struct Rise {
    by: f64,
    restarted: bool,
}

/// A fall is a restart: what was counted since then is the new value. A series born on a target that was read before
/// began at zero; one on a new target began before we looked.
fn rise(last: &mut BTreeMap<String, Last>, series: &Series, target_known: bool) -> Rise {
    let key = format!("{}/{}", series.ask, series.key);
    let mut before = last.get(&key).map(|l| l.point.value).or(target_known.then_some(0.0));
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
        last.insert(key, Last { point: *point, target: series.target.clone() });
    }
    rise
}

/// Past the bound, those not seen for longest go first.
fn forget(last: &mut BTreeMap<String, Last>) {
    if last.len() <= REMEMBERED {
        return;
    }
    let mut seen: Vec<Timestamp> = last.values().map(|l| l.point.at).collect();
    seen.sort_unstable();
    let keep_from = seen[seen.len() - REMEMBERED];
    last.retain(|_, l| l.point.at >= keep_from);
}

fn counts(asks: &[Ask], sums: &[f64], spoilt: &BTreeSet<usize>) -> Vec<Option<Counts>> {
    let checks = asks.iter().map(|a| a.check + 1).max().unwrap_or(0);
    let mut all = vec![Some(Counts::default()); checks];
    for (index, (ask, sum)) in asks.iter().zip(sums).enumerate() {
        if spoilt.contains(&index) {
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
