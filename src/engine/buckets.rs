//! Histograms on their way to the judge: cumulative buckets -> how many requests took longer than each bound.
//!
//! Owns: which buckets are one histogram, what they rose by together, and which bounds can be trusted.
//! Does not: decide where a series began (`increments` knows), or compare the arms.
//! Invariant: a bound counts only where every histogram with requests has it, in both arms and all the look long.
//! Otherwise the requests of a histogram without it would all be slow ones.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::sample::{Point, Series};
use crate::judge::{Histogram, Slower};

/// How many requests a bound may be ahead of another, as a share of all: programs count without a lock.
const TORN_SHARE: f64 = 0.01;
const TORN_LEAST: f64 = 2.0;

/// A bucket's upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound(f64);

/// The buckets of one histogram, the last with all its requests.
pub(super) struct Group<'a> {
    buckets: Vec<Bucket<'a>>,
    all: Bucket<'a>,
}

#[derive(Clone, Copy)]
struct Bucket<'a> {
    bound: Bound,
    series: &'a Series,
}

/// What one histogram rose by.
#[derive(Debug, PartialEq)]
struct Rise {
    all: f64,
    up_to: BTreeMap<Bound, f64>,
}

/// What the histograms of one ask rose by.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rises {
    rises: Vec<Rise>,
    pub(super) restarted: bool,
}

/// The histograms among the series of one ask. `None`: one has no bucket of all, or a series no bound.
pub(super) fn groups<'a>(series: &[&'a Series]) -> Option<Vec<Group<'a>>> {
    let mut groups = BTreeMap::<String, Vec<Bucket<'a>>>::new();
    for series in series {
        let bucket = Bucket { bound: Bound(series.bound?), series };
        groups.entry(series.histogram()).or_default().push(bucket);
    }
    groups.into_values().map(Group::new).collect()
}

impl<'a> Group<'a> {
    fn new(mut buckets: Vec<Bucket<'a>>) -> Option<Self> {
        buckets.sort_by_key(|bucket| bucket.bound);
        let all = buckets.pop().filter(|last| last.bound.0 == f64::INFINITY)?;
        Some(Self { buckets, all })
    }

    pub(super) fn origin(&self) -> &str {
        self.all.series.origin()
    }

    fn all_buckets(&self) -> impl Iterator<Item = &Bucket<'a>> {
        self.buckets.iter().chain([&self.all])
    }
}

impl Rises {
    /// Adds what a histogram rose by since the points remembered, and remembers its newest ones. Its buckets are of one
    /// program: where one falls, all began anew.
    pub(super) fn add(
        &mut self,
        last: &mut BTreeMap<String, Point>,
        ask: usize,
        group: &Group<'_>,
        born: bool,
    ) {
        let key = |bucket: &Bucket<'_>| format!("{ask}/{}", bucket.series.key);
        let before = |bucket: &Bucket<'_>| last.get(&key(bucket)).copied();
        let steps = Steps {
            restarts: restarts(group, before),
            stood: before(&group.all),
            at: &group.all.series.points,
            born,
        };
        let up_to = group.buckets.iter().filter_map(|b| Some((b.bound, steps.rise(b, before(b))?)));
        let (up_to, all) = (up_to.collect(), steps.rise(&group.all, steps.stood));
        self.restarted |= steps.restarts.contains(&true);
        self.rises.extend(all.map(|all| Rise { all, up_to }));
        for bucket in group.all_buckets() {
            if let Some(point) = bucket.series.points.last() {
                last.insert(key(bucket), *point);
            }
        }
    }

    fn all(&self) -> f64 {
        self.rises.iter().map(|rise| rise.all).sum()
    }

    fn is_idle(&self) -> bool {
        self.rises.iter().all(|rise| rise.all == 0.0)
    }

    /// Requests up to each bound that every histogram with requests has.
    fn up_to(&self) -> BTreeMap<Bound, f64> {
        let mut busy = self.rises.iter().filter(|rise| rise.all > 0.0);
        let Some(first) = busy.next() else { return BTreeMap::new() };
        let mut sums = first.up_to.clone();
        for rise in busy {
            sums.retain(|bound, _| rise.up_to.contains_key(bound));
            sums.iter_mut().for_each(|(bound, sum)| *sum += rise.up_to[bound]);
        }
        sums
    }

    /// Requests that took longer than each of these bounds, lower bounds first. `None`: more took up to a bound than
    /// there were.
    fn slower(&self, bounds: &[Bound]) -> Option<Vec<u64>> {
        let (all, up_to) = (self.all(), self.up_to());
        let room = TORN_LEAST.max(all * TORN_SHARE);
        let mut least: f64 = 0.0;
        let mut slower = Vec::with_capacity(bounds.len());
        for bound in bounds.iter().rev() {
            let above = all - up_to.get(bound).copied().unwrap_or(all);
            if above < least - room {
                return None;
            }
            least = least.max(above);
            slower.push(whole(least));
        }
        slower.reverse();
        Some(slower)
    }
}

/// Whether all began anew, at each of the points.
fn restarts(group: &Group<'_>, before: impl Fn(&Bucket<'_>) -> Option<Point>) -> Vec<bool> {
    let mut restarts = vec![false; group.all.series.points.len()];
    for bucket in group.all_buckets() {
        let mut value = before(bucket).map(|point| point.value);
        for point in &bucket.series.points {
            let at = group.all.series.points.partition_point(|p| p.at < point.at);
            if let Some(restart) = restarts.get_mut(at) {
                *restart |= value.is_some_and(|value| point.value < value);
            }
            value = Some(point.value);
        }
    }
    restarts
}

/// From point to point of one histogram.
struct Steps<'a> {
    restarts: Vec<bool>,
    /// Where all its requests stood before.
    stood: Option<Point>,
    at: &'a [Point],
    born: bool,
}

impl Steps<'_> {
    /// `None`: it was not read beside the others all along, so its rise is not of the same requests.
    fn rise(&self, bucket: &Bucket<'_>, before: Option<Point>) -> Option<f64> {
        let points = &bucket.series.points;
        let beside = points.len() == self.at.len()
            && points.iter().zip(self.at).all(|(own, all)| own.at == all.at);
        let anew = self.restarts.first() == Some(&true);
        let together = before.map(|point| point.at) == self.stood.map(|point| point.at);
        if !beside || !(together || anew) || points.iter().any(|p| !is_count(p.value)) {
            return None;
        }
        let start = before.map(|point| point.value).filter(|_| !anew);
        let mut from = start.or((self.born || anew).then_some(0.0));
        let mut rise = 0.0;
        for (point, restart) in points.iter().zip(&self.restarts) {
            let base = if *restart { Some(0.0) } else { from };
            rise += base.map_or(0.0, |base| point.value - base);
            from = Some(point.value);
        }
        Some(rise)
    }
}

fn is_count(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// Counters are whole numbers, but for sums of floats in a source: the nearest whole one is meant.
pub(super) fn whole(sum: f64) -> u64 {
    sum.round().max(0.0) as u64
}

/// Both arms by the bounds they have in common. An arm without requests has whatever bounds the other has.
pub(super) fn histogram(canary: &Rises, baseline: &Rises) -> Option<Histogram> {
    let (ours, theirs) = (canary.up_to(), baseline.up_to());
    let fits = |bound: &Bound| {
        (canary.is_idle() || ours.contains_key(bound))
            && (baseline.is_idle() || theirs.contains_key(bound))
    };
    let more = if canary.is_idle() { &theirs } else { &ours };
    let bounds: Vec<Bound> = more.keys().copied().filter(fits).collect();
    let (canary_slower, baseline_slower) = (canary.slower(&bounds)?, baseline.slower(&bounds)?);
    let counted = canary_slower.into_iter().zip(baseline_slower);
    let slower = bounds.iter().zip(counted);
    let slower = slower.map(|(b, (canary, baseline))| Slower { than: b.0, canary, baseline });
    Some(Histogram {
        canary_requests: whole(canary.all()),
        baseline_requests: whole(baseline.all()),
        slower: slower.collect(),
    })
}

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
