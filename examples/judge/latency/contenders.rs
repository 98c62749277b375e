//! Rules for answer times. Ours is an implementation of [`Rule`] like the others.

use super::world::{CLASSIC, Seen, Times};
use crate::ours::{Answer, Ours, STRICT};
use crate::peers::kayenta::Samples;
use crate::rule::Arm;

pub trait Rule {
    /// Takes one look in; true sends the canary back.
    fn reverts(&mut self, seen: &Seen<'_>) -> bool;
}

pub struct Contender {
    /// At most nine characters.
    pub name: &'static str,
    pub source: &'static str,
    /// The edges of the histograms, and looks of the baseline alone.
    pub start: fn(&[f64], &[Times]) -> Box<dyn Rule>,
}

pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "p99 limit",
            source: "Flagger's README example: p99 of the canary <= 500 ms, back at the 10th failed look",
            start: |_, _| Box::new(Limit { failed: 0 }),
        },
        Contender {
            name: "Kayenta",
            source: "Kayenta's Mann-Whitney rule (see above) on each look's p99, at the end of each step",
            start: |_, _| Box::new(Ranks::default()),
        },
        Contender {
            name: "sup band",
            source: "arXiv 2205.14762 in the form of Howard and Ramdas: both arms' pooled distributions with bands \
                     that hold at all times (0.5 % each), back when they part to the slow side",
            start: |_, _| Box::new(Bands::default()),
        },
        Contender {
            name: "ours",
            source: "this crate: `slower than the bound` is a count, for five of Prometheus' 11 classic bounds",
            start: |edges, past| Box::new(Buckets::new(edges, past)),
        },
    ]
}

struct Limit {
    failed: u32,
}

impl Rule for Limit {
    fn reverts(&mut self, seen: &Seen<'_>) -> bool {
        let passed = seen.canary.p99(seen.edges).is_some_and(|p99| p99 <= 0.5);
        self.failed += u32::from(!passed);
        self.failed >= 10
    }
}

#[derive(Default)]
struct Ranks {
    samples: Samples,
}

impl Rule for Ranks {
    fn reverts(&mut self, seen: &Seen<'_>) -> bool {
        self.samples.push(seen.canary.p99(seen.edges), seen.baseline.p99(seen.edges));
        let high = seen.ends_step && self.samples.are_high();
        if seen.ends_step {
            self.samples.clear();
        }
        high
    }
}

#[derive(Default)]
struct Bands {
    canary: Vec<u64>,
    baseline: Vec<u64>,
}

impl Rule for Bands {
    fn reverts(&mut self, seen: &Seen<'_>) -> bool {
        add(&mut self.canary, &seen.canary);
        add(&mut self.baseline, &seen.baseline);
        let (canary, baseline) =
            (Times { counts: self.canary.clone() }, Times { counts: self.baseline.clone() });
        let (n, m) = (canary.all() as f64, baseline.all() as f64);
        if n < 1.0 || m < 1.0 {
            return false;
        }
        let slower = canary.slower_than().zip(baseline.slower_than());
        let apart = slower.map(|(c, b)| c as f64 / n - b as f64 / m).fold(0.0, f64::max);
        apart > band(n) + band(m)
    }
}

fn add(sum: &mut Vec<u64>, times: &Times) {
    sum.resize(times.counts.len(), 0);
    sum.iter_mut().zip(&times.counts).for_each(|(sum, count)| *sum += count);
}

/// Half the width around an empirical distribution of `n` values that holds for all n with 99.5 % (Howard and Ramdas
/// 2022, corollary 2).
fn band(n: f64) -> f64 {
    let doubt = 0.005;
    0.85 * ((libm::log(1.0 + libm::log(n)) + 0.8 * libm::log(1612.0 / doubt)) / n).sqrt()
}

/// Our counts by bucket bound.
struct Buckets {
    ours: Ours,
    /// Places of the classic bounds among the edges.
    places: Vec<usize>,
}

impl Buckets {
    fn new(edges: &[f64], past: &[Times]) -> Self {
        let place = |bound: &f64| edges.iter().position(|edge| edge == bound).expect("an edge");
        let places: Vec<usize> = CLASSIC.iter().map(place).collect();
        let mut ours = Ours::knowing_nothing(50.0, 60, STRICT);
        for times in past {
            let arms: Vec<_> = CLASSIC.iter().copied().zip(slower(times, &places)).collect();
            ours.learn_times(&arms);
        }
        Self { ours, places }
    }
}

impl Rule for Buckets {
    fn reverts(&mut self, seen: &Seen<'_>) -> bool {
        let arms = slower(&seen.canary, &self.places).into_iter();
        let arms = arms.zip(slower(&seen.baseline, &self.places));
        let times =
            CLASSIC.iter().zip(arms).map(|(than, (canary, baseline))| (*than, canary, baseline));
        self.ours.judge_times(seen.share, times) == Answer::Revert
    }
}

/// Requests slower than each of the bounds at `places`, as failures.
fn slower(times: &Times, places: &[usize]) -> Vec<Arm> {
    let requests = times.all();
    let failures: Vec<u64> = times.slower_than().collect();
    places.iter().map(|&place| Arm { requests, failures: failures[place] }).collect()
}
