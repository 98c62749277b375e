//! A world of seeded traffic in which every contender judges the same looks.

use crate::chance::Chance;
use crate::rule::{Arm, Contender, Past, Rule, Seen};

/// 10 minutes a step; at the last there is nothing to compare with.
pub const LADDER: [f64; 5] = [0.01, 0.05, 0.25, 0.5, 1.0];
const MINUTES_A_STEP: f64 = 10.0;

/// What happens in a rollout. Times are minutes since its start.
#[derive(Clone, Copy)]
pub struct World {
    pub base_rate: f64,
    /// In both arms together.
    pub requests_per_second: f64,
    pub look_seconds: u64,
    /// Looks of the baseline alone before the start.
    pub history: u64,
    /// The base rate in both arms, as a multiple.
    pub weather: fn(f64) -> f64,
    /// The canary's rate as a multiple of the baseline's.
    pub harm: fn(f64) -> f64,
    /// Mean number of failures that come together, of geometric size.
    pub cluster: f64,
    /// Coefficient of variation of each arm's rate in each look, independent.
    pub noise: f64,
}

/// How one rollout ended under one rule.
#[derive(Clone, Copy, Default)]
pub struct End {
    pub reverted: bool,
    pub minutes: f64,
    /// Expected canary failures served beyond the baseline's rate.
    pub excess: f64,
}

impl World {
    pub fn quiet(base_rate: f64, requests_per_second: f64) -> Self {
        Self {
            base_rate,
            requests_per_second,
            look_seconds: 60,
            history: 120,
            weather: |_| 1.0,
            harm: |_| 1.0,
            cluster: 1.0,
            noise: 0.0,
        }
    }

    /// One rollout up the fixed ladder, judged by all contenders: each sees the same looks.
    pub fn play(&self, seed: u64, contenders: &[Contender]) -> Vec<End> {
        let mut chance = Chance::new(seed);
        let looks = self.history(&mut chance);
        let planned_looks = self.looks() as f64;
        let past = Past { looks: &looks, planned_looks, look_seconds: self.look_seconds };
        let mut rules: Vec<Box<dyn Rule>> = contenders.iter().map(|c| (c.start)(&past)).collect();
        let mut ends = vec![End::default(); contenders.len()];
        for at in 0..self.looks() {
            let seen = self.look(at, self.share(at), &mut chance);
            let (excess, minutes) = (self.excess(at, &seen), self.minutes(at + 1));
            for (rule, end) in rules.iter_mut().zip(&mut ends).filter(|(_, end)| !end.reverted) {
                end.excess += excess;
                end.minutes = minutes;
                end.reverted = rule.reverts(&seen);
            }
            if ends.iter().all(|end| end.reverted) {
                break;
            }
        }
        ends
    }

    pub fn minutes(&self, looks: u64) -> f64 {
        (looks * self.look_seconds) as f64 / 60.0
    }

    /// The baseline alone, with all the traffic.
    pub fn history(&self, chance: &mut Chance) -> Vec<Arm> {
        (0..self.history).map(|_| self.arm(1.0, self.base_rate, chance)).collect()
    }

    pub fn look(&self, at: u64, share: f64, chance: &mut Chance) -> Seen {
        let minute = self.minutes(at);
        let base = self.base_rate * (self.weather)(minute);
        Seen {
            share,
            ends_step: (at + 1).is_multiple_of(self.looks_a_step()),
            canary: self.arm(share, base * (self.harm)(minute), chance),
            baseline: self.arm(1.0 - share, base, chance),
        }
    }

    pub fn excess(&self, at: u64, seen: &Seen) -> f64 {
        let minute = self.minutes(at);
        let base = self.base_rate * (self.weather)(minute);
        seen.canary.requests as f64 * base * ((self.harm)(minute) - 1.0)
    }

    fn looks_a_step(&self) -> u64 {
        (MINUTES_A_STEP * 60.0) as u64 / self.look_seconds
    }

    fn looks(&self) -> u64 {
        self.looks_a_step() * LADDER.len() as u64
    }

    fn share(&self, at: u64) -> f64 {
        LADDER[(at / self.looks_a_step()) as usize]
    }

    fn arm(&self, share: f64, rate: f64, chance: &mut Chance) -> Arm {
        let requests = chance.poisson(self.requests_per_second * self.look_seconds as f64 * share);
        let noise = if self.noise > 0.0 { chance.gamma(self.noise) } else { 1.0 };
        let clusters = chance.poisson(requests as f64 * rate * noise / self.cluster);
        let failures = if self.cluster > 1.0 {
            (0..clusters).map(|_| chance.geometric(1.0 / self.cluster)).sum()
        } else {
            clusters
        };
        Arm { requests, failures: failures.min(requests) }
    }
}
