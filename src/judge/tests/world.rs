//! A seeded world: traffic, failures with clusters and bursts, and a ladder of weights judged look by look.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{criterion, weight};
use crate::judge::{
    Counts, Criterion, Evidence, Judgement, LookInput, Requests, Rules, Tolerance, VerdictKind,
    look,
};

/// What happens in a rollout. Times are in looks from the first.
#[derive(Clone)]
pub struct World {
    pub base_rate: f64,
    /// In both arms together.
    pub requests_per_second: f64,
    pub look_seconds: u64,
    pub looks_per_step: u64,
    pub tolerate: Tolerance,
    /// Looks of the baseline alone, before the start.
    pub history: u64,
    /// The base rate in both arms, as a multiple.
    pub weather: fn(u64) -> f64,
    /// The canary's rate as a multiple of the base rate.
    pub harm: fn(u64) -> f64,
    /// Mean number of failures that come together.
    pub cluster: f64,
    /// At 100 % nothing is compared.
    pub ladder: &'static [f64],
}

/// How one rollout ended.
pub struct End {
    pub reverted_at: Option<u64>,
    /// Canary failures served beyond the baseline's rate.
    pub excess: f64,
    pub last: Judgement,
}

impl World {
    pub fn quiet(base_rate: f64, requests_per_second: f64) -> Self {
        Self {
            base_rate,
            requests_per_second,
            look_seconds: 60,
            looks_per_step: 10,
            tolerate: Tolerance { ratio: 1.0, delta: 0.0 },
            history: 120,
            weather: |_| 1.0,
            harm: |_| 1.0,
            cluster: 1.0,
            ladder: &[0.01, 0.05, 0.25, 0.5, 1.0],
        }
    }

    pub fn play(&self, seed: u64) -> End {
        let mut chance = Chance(StdRng::seed_from_u64(seed));
        let criteria = [criterion("errors", Some(self.tolerate))];
        let rules = Rules::new((self.ladder.len() as u64 * self.looks_per_step) as f64);
        let mut evidence = self.start(&criteria, &mut chance);
        let (mut excess, mut last) = (0.0, None);
        for at in 0..self.ladder.len() as u64 * self.looks_per_step {
            let input = self.input(at, &mut chance);
            let canary = input.checks[0].map_or(0, |counts| counts.canary_requests) as f64;
            let base = self.base_rate * (self.weather)(at);
            excess += canary * base * ((self.harm)(at) - 1.0);
            let (next, judgement) = look(&rules, &criteria, &evidence, &input);
            evidence = next;
            let kind = judgement.verdict.kind();
            last = Some(judgement);
            if kind == VerdictKind::Regression {
                return End { reverted_at: Some(at), excess, last: last.expect("judged") };
            }
        }
        End { reverted_at: None, excess, last: last.expect("at least one look") }
    }

    fn start(&self, criteria: &[Criterion], chance: &mut Chance) -> Evidence {
        let mut evidence = Evidence::new(criteria);
        let requests = self.requests_per_second * self.look_seconds as f64;
        for _ in 0..self.history {
            let n = chance.poisson(requests);
            evidence.learn(0, n, self.failures(n, self.base_rate, chance));
        }
        evidence
    }

    fn input(&self, at: u64, chance: &mut Chance) -> LookInput {
        let share = self.ladder[(at / self.looks_per_step) as usize];
        let requests = self.requests_per_second * self.look_seconds as f64;
        let base = self.base_rate * (self.weather)(at);
        let (nc, nb) = (chance.poisson(requests * share), chance.poisson(requests * (1.0 - share)));
        let counts = Counts {
            canary_requests: nc,
            canary_failures: self.failures(nc, base * (self.harm)(at), chance),
            baseline_requests: nb,
            baseline_failures: self.failures(nb, base, chance),
        };
        LookInput {
            weight: weight(share),
            control: share < 1.0,
            margins: Vec::new(),
            lasting: Duration::from_secs(self.look_seconds),
            checks: vec![Some(counts)],
            split: Some(Requests { canary: nc, baseline: nb }),
        }
    }

    /// Clusters of geometric size, so that the mean is `n * rate` whatever the size.
    fn failures(&self, n: u64, rate: f64, chance: &mut Chance) -> u64 {
        let clusters = chance.poisson(n as f64 * rate / self.cluster);
        if self.cluster <= 1.0 {
            return clusters.min(n);
        }
        let sizes = (0..clusters).map(|_| chance.geometric(1.0 / self.cluster));
        sizes.sum::<u64>().min(n)
    }
}

/// Draws from the distributions a world needs.
pub struct Chance(pub StdRng);

impl Chance {
    pub fn uniform(&mut self) -> f64 {
        // Never 0, whose logarithm is no number.
        1.0 - self.0.random::<f64>()
    }

    /// Exact below a mean of 100, rounded normal above.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 100.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (mut count, mut left) = (0, self.uniform());
        let mut chance = (-mean).exp();
        while left > chance && count < 1000 {
            left -= chance;
            count += 1;
            chance *= mean / count as f64;
        }
        count
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// 1, 2, ..., with mean `1/p`.
    fn geometric(&mut self, p: f64) -> u64 {
        1 + (self.uniform().ln() / (1.0 - p).ln()) as u64
    }
}
