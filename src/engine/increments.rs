//! Differences of cumulative counters, with what restarts and births do to them; levels as they stand.

use std::collections::{BTreeMap, BTreeSet};

use super::buckets::{Group, Rises, groups};
use super::look::{Memory, Seen};
use super::sample::{Answer, Ask, Counter, Point, Series};
use super::sums::{Sums, nothing};
use crate::domain::{Arm, Generation, Timestamp};
use crate::judge::Numbers;

/// Series remembered per rollout. A quiet one must not be forgotten: seen again, it would look newly born.
const REMEMBERED: usize = 4096;

/// Adds up what every series rose by, and remembers where it stands. `now`: the split in force.
///
/// The counters of a check stand still together where one of them has no answer, so that the look that ends the gap
/// covers it for both arms alike, as a restart of ours does; across a change of weight it counts nothing.
pub(super) fn take_increments(
    memory: &mut Memory,
    asks: &[Ask],
    answer: &Answer,
    now: Generation,
) -> Seen {
    let buckets = Buckets::of(asks, answer);
    let mut spoilt = spoilt(asks, answer);
    spoilt.extend(&buckets.senseless);
    let known = known_origins(&memory.last, asks);
    let stood = memory.until.map(|_| memory.generation);
    let mut seen = Tally::new(asks, spoilt, known);
    seen.torn = memory.behind.keys().any(|check| !seen.spoilt.contains(check));
    for series in &answer.series {
        seen.series(&mut memory.last, series);
    }
    for (ask, groups) in &buckets.groups {
        groups.iter().for_each(|group| seen.group(&mut memory.last, *ask, group));
    }
    forget(&mut memory.last);
    let mut checks = seen.numbers();
    for (check, numbers) in checks.iter_mut().enumerate() {
        if seen.spoilt.contains(&check) {
            *numbers = None;
            // A level stands nowhere.
            if !seen.is_level(check) {
                memory.behind.entry(check).or_insert(stood);
            }
        } else if memory.behind.remove(&check).is_some_and(|then| then != Some(now)) {
            *numbers = numbers.take().map(nothing);
            seen.began = true;
        }
    }
    Seen { checks, torn: seen.torn, began: seen.began }
}

/// The histograms of every ask for buckets.
struct Buckets<'a> {
    groups: Vec<(usize, Vec<Group<'a>>)>,
    /// Checks with a series that is no bucket, or a histogram that does not count all.
    senseless: BTreeSet<usize>,
}

impl<'a> Buckets<'a> {
    fn of(asks: &[Ask], answer: &'a Answer) -> Self {
        let mut by_ask = BTreeMap::<usize, Vec<&Series>>::new();
        let is_bucket =
            |s: &&Series| asks.get(s.ask).is_some_and(|a| a.counter == Counter::Buckets);
        for series in answer.series.iter().filter(is_bucket) {
            by_ask.entry(series.ask).or_default().push(series);
        }
        let mut all = Self { groups: Vec::new(), senseless: BTreeSet::new() };
        for (ask, series) in by_ask {
            match groups(&series) {
                Some(groups) => all.groups.push((ask, groups)),
                None => _ = all.senseless.insert(asks[ask].check),
            }
        }
        all
    }
}

/// What the series of a look come to, by ask.
struct Tally<'a> {
    asks: &'a [Ask],
    sums: Vec<f64>,
    rises: Vec<Rises>,
    /// `None`: no series, or several.
    levels: Vec<Option<f64>>,
    spoilt: BTreeSet<usize>,
    /// What was read before, by check.
    known: BTreeSet<(usize, String)>,
    torn: bool,
    began: bool,
}

impl<'a> Tally<'a> {
    fn new(asks: &'a [Ask], spoilt: BTreeSet<usize>, known: BTreeSet<(usize, String)>) -> Self {
        Self {
            asks,
            sums: vec![0.0; asks.len()],
            rises: asks.iter().map(|_| Rises::default()).collect(),
            levels: vec![None; asks.len()],
            spoilt,
            known,
            torn: false,
            began: false,
        }
    }

    /// The ask of a series, unless its check is spoilt.
    fn ask(&self, ask: usize) -> Option<&'a Ask> {
        self.asks.get(ask).filter(|ask| !self.spoilt.contains(&ask.check))
    }

    /// Any series but a bucket, which counts beside the others of its histogram.
    fn series(&mut self, last: &mut BTreeMap<String, Point>, series: &Series) {
        let Some(ask) = self.ask(series.ask) else { return };
        match ask.counter {
            Counter::Buckets => {}
            Counter::Level => self.level(series),
            Counter::Requests
            | Counter::Failures
            | Counter::Events
            | Counter::Sum
            | Counter::Squares => {
                let born = self.is_born(ask.check, series.origin());
                let rise = rise(last, series, born);
                self.torn |= rise.restarted;
                self.sums[series.ask] += rise.by;
            }
        }
    }

    fn group(&mut self, last: &mut BTreeMap<String, Point>, ask: usize, group: &Group<'_>) {
        let Some(check) = self.ask(ask).map(|ask| ask.check) else { return };
        let born = self.is_born(check, group.origin());
        self.rises[ask].add(last, ask, group, born);
        self.torn |= self.rises[ask].restarted;
    }

    /// The newest; of several nobody knows which is meant.
    fn level(&mut self, series: &Series) {
        let value = series.points.last().map(|p| p.value).filter(|v| v.is_finite());
        let level = &mut self.levels[series.ask];
        *level = if level.is_none() { value } else { Some(f64::NAN) };
    }

    /// Whether a series that was never read begins at zero: its origin was read before.
    fn is_born(&mut self, check: usize, origin: &str) -> bool {
        let of_check = (check, String::new())..(check + 1, String::new());
        self.began |= self.known.range(of_check).next().is_none();
        self.known.contains(&(check, origin.to_owned()))
    }

    fn is_level(&self, check: usize) -> bool {
        self.asks.iter().any(|ask| ask.check == check && ask.counter == Counter::Level)
    }

    fn numbers(&self) -> Vec<Option<Numbers>> {
        let checks = self.asks.iter().map(|a| a.check + 1).max().unwrap_or(0);
        let mut all: Vec<Sums<'_>> = (0..checks).map(|_| Sums::default()).collect();
        for (position, ask) in self.asks.iter().enumerate() {
            let arm = match ask.arm {
                Arm::Canary => &mut all[ask.check].canary,
                Arm::Baseline => &mut all[ask.check].baseline,
            };
            let sum = self.sums[position];
            let place = match ask.counter {
                Counter::Requests => &mut arm.requests,
                Counter::Failures => &mut arm.failures,
                Counter::Events => &mut arm.events,
                Counter::Sum => &mut arm.sum,
                Counter::Squares => &mut arm.squares,
                Counter::Buckets => {
                    arm.rises = Some(&self.rises[position]);
                    continue;
                }
                Counter::Level => {
                    let level = self.levels[position].filter(|level| level.is_finite());
                    arm.level = Some(level);
                    continue;
                }
            };
            *place = Some(sum);
        }
        all.iter().map(Sums::numbers).collect()
    }
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
