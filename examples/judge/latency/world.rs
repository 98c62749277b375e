//! Answer times as counts between fine edges: independent Poisson counts are exactly what timed requests are.

use super::contenders::{Contender, Rule};
use crate::chance::Chance;
use crate::world::{End, LADDER};

const REQUESTS_A_LOOK: f64 = 6000.0;
const LOOKS_A_STEP: u64 = 10;
const HISTORY: u64 = 120;
const MEDIAN: f64 = 0.05;
const SIGMA: f64 = 0.6;

/// Upper bounds that Prometheus' client libraries use when none are given, in seconds.
pub const CLASSIC: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Requests of one arm by answer time: `counts[i]` took up to `edges[i]`, the last longer than all edges.
#[derive(Clone)]
pub struct Times {
    pub counts: Vec<u64>,
}

/// One look at both arms.
pub struct Seen<'a> {
    pub share: f64,
    pub ends_step: bool,
    /// Seconds, rising: the classic bounds and, between them, steps of about 9 %.
    pub edges: &'a [f64],
    pub canary: Times,
    pub baseline: Times,
}

/// What happens to the canary's answer times, and to all.
#[derive(Clone, Copy)]
pub struct World {
    /// All answers of the canary take this many times as long.
    slower: f64,
    /// This share of its requests takes half a second more.
    hang: f64,
    /// Answers of both arms for five minutes.
    storm: f64,
}

/// What it is, whether it is harmless, and the world.
pub fn worlds() -> Vec<(&'static str, bool, World)> {
    let quiet = World { slower: 1.0, hang: 0.0, storm: 1.0 };
    vec![
        ("good", true, quiet),
        ("both arms 3x slower for 5 min", true, World { storm: 3.0, ..quiet }),
        ("all 1.1x", false, World { slower: 1.1, ..quiet }),
        ("all 1.3x", false, World { slower: 1.3, ..quiet }),
        ("2 % of requests +500 ms", false, World { hang: 0.02, ..quiet }),
        ("0.5 % of requests +500 ms", false, World { hang: 0.005, ..quiet }),
    ]
}

impl World {
    /// One rollout; `excess` of its ends is the canary's requests until then. At 100 % there is no control: no looks.
    pub fn play(&self, seed: u64, contenders: &[Contender]) -> Vec<End> {
        let mut chance = Chance::new(seed);
        let edges = edges();
        let usual = shares(&edges, 1.0, 0.0);
        let past: Vec<Times> =
            (0..HISTORY).map(|_| draw(&usual, REQUESTS_A_LOOK, &mut chance)).collect();
        let mut rules: Vec<Box<dyn Rule>> =
            contenders.iter().map(|c| (c.start)(&edges, &past)).collect();
        let mut ends = vec![End::default(); contenders.len()];
        for at in 0..LOOKS_A_STEP * (LADDER.len() as u64 - 1) {
            let seen = self.look(at, &edges, &mut chance);
            for (rule, end) in rules.iter_mut().zip(&mut ends).filter(|(_, end)| !end.reverted) {
                end.excess += seen.canary.all() as f64;
                end.minutes = (at + 1) as f64;
                end.reverted = rule.reverts(&seen);
            }
        }
        ends
    }

    fn look<'a>(&self, at: u64, edges: &'a [f64], chance: &mut Chance) -> Seen<'a> {
        let share = LADDER[(at / LOOKS_A_STEP) as usize];
        let storm = if (22..27).contains(&at) { self.storm } else { 1.0 };
        let canary = shares(edges, storm * self.slower, self.hang);
        Seen {
            share,
            ends_step: (at + 1).is_multiple_of(LOOKS_A_STEP),
            edges,
            canary: draw(&canary, REQUESTS_A_LOOK * share, chance),
            baseline: draw(&shares(edges, storm, 0.0), REQUESTS_A_LOOK * (1.0 - share), chance),
        }
    }
}

impl Times {
    pub fn all(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Requests slower than each edge.
    pub fn slower_than(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(self.all(), |left, count| {
            *left -= count;
            Some(*left)
        })
    }

    /// The 99th percentile in seconds, even between edges; `None` without requests.
    pub fn p99(&self, edges: &[f64]) -> Option<f64> {
        let rank = 0.99 * self.all() as f64;
        let mut below = 0.0;
        for (at, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (from, to) = (at.checked_sub(1).map_or(0.0, |i| edges[i]), edges.get(at));
            let part = (rank - below) / count as f64;
            below += count as f64;
            if below >= rank {
                return Some(to.map_or(from, |to| from + part * (to - from)));
            }
        }
        None
    }
}

fn edges() -> Vec<f64> {
    let fine = (0..110).map(|i| 0.001 * libm::exp2(f64::from(i) / 8.0));
    let mut edges: Vec<f64> = fine.chain(CLASSIC).collect();
    edges.sort_by(f64::total_cmp);
    edges
}

fn shares(edges: &[f64], slower: f64, hang: f64) -> Vec<f64> {
    let below = |seconds: f64| {
        let at =
            |s: f64| if s > 0.0 { normal(libm::log(s / (MEDIAN * slower)) / SIGMA) } else { 0.0 };
        let late = if hang > 0.0 { hang * at(seconds - 0.5) } else { 0.0 };
        (1.0 - hang) * at(seconds) + late
    };
    let cumulated = edges.iter().map(|&edge| below(edge)).chain([1.0]);
    cumulated.scan(0.0, |before, now| Some(now - std::mem::replace(before, now))).collect()
}

fn draw(shares: &[f64], requests: f64, chance: &mut Chance) -> Times {
    let mut count = |share: f64| match requests * share {
        mean if mean > 1e-9 => chance.poisson(mean),
        _ => 0,
    };
    Times { counts: shares.iter().map(|&share| count(share)).collect() }
}

/// The normal distribution's share below `x`.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}
