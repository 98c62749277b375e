//! A seeded world: traffic, failures with clusters and bursts, and a ladder of weights judged look by look.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{criterion, weight};
use crate::judge::{
    Counts, Criterion, Evidence, Judgement, LookInput, Numbers, Requests, Rules, Tolerance,
    VerdictKind, look, planning,
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
    /// The harm budget; `None`: by the base rate.
    pub budget: Option<f64>,
    /// At 100 % nothing is compared, or only with history.
    pub ladder: &'static [f64],
    pub refuses_hold_back: bool,
}

/// How one rollout ended.
#[derive(Default)]
pub struct End {
    pub looks: u64,
    pub completed: bool,
    pub reverted_at: Option<u64>,
    /// Canary failures served beyond the baseline's rate.
    pub excess: f64,
    pub last: Option<Judgement>,
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
            budget: None,
            ladder: &[0.01, 0.05, 0.25, 0.5, 1.0],
            refuses_hold_back: false,
        }
    }

    pub fn play(&self, seed: u64) -> End {
        let mut chance = Chance::new(seed);
        let criteria = [criterion("errors", Some(self.tolerate))];
        let rules = Rules::new((self.ladder.len() as u64 * self.looks_per_step) as f64);
        let mut evidence = self.start(&criteria, &mut chance);
        let mut end = End::default();
        for at in 0..self.ladder.len() as u64 * self.looks_per_step {
            let share = self.ladder[(at / self.looks_per_step) as usize];
            let input = self.input(at, share, &mut chance);
            end.excess += self.excess(at, &input);
            let (next, judgement) = look(&rules, &criteria, &evidence, &input);
            evidence = next;
            end.looks = at + 1;
            end.reverted_at = (judgement.verdict.kind() == VerdictKind::Regression).then_some(at);
            end.last = Some(judgement);
            if end.reverted_at.is_some() {
                break;
            }
        }
        end
    }

    /// A ladder that only evidence opens, at least two looks a step, until 100 %, a revert or `most` looks.
    pub fn climb(&self, seed: u64, most: u64) -> End {
        let mut chance = Chance::new(seed);
        let criteria = [criterion("errors", Some(self.tolerate))];
        let harm = planning::harm_budget(self.base_rate, self.budget);
        let ahead: Vec<_> = self.ladder.iter().skip(1).map(|&next| weight(next)).collect();
        let mut evidence = self.start(&criteria, &mut chance);
        let (mut step, mut entered, mut end) = (0, 0, End::default());
        for at in 0..most {
            end.looks = at + 1;
            let input = LookInput {
                harm,
                ahead: ahead[step..].to_vec(),
                ..self.input(at, self.ladder[step], &mut chance)
            };
            end.excess += self.excess(at, &input);
            let (next, judgement) = look(&Rules::new(300.0), &criteria, &evidence, &input);
            evidence = next;
            match judgement.verdict.kind() {
                VerdictKind::Regression => {
                    end.reverted_at = Some(at);
                    break;
                }
                VerdictKind::Pass if at > entered => (step, entered) = (step + 1, at + 1),
                _ => {}
            }
            if step == ahead.len() {
                end.completed = true;
                break;
            }
        }
        end
    }

    fn excess(&self, at: u64, input: &LookInput) -> f64 {
        let requests = input.checks[0].as_ref().and_then(Numbers::requests);
        let canary = requests.map_or(0, |requests| requests.canary) as f64;
        canary * self.base_rate * (self.weather)(at) * ((self.harm)(at) - 1.0)
    }

    fn start(&self, criteria: &[Criterion], chance: &mut Chance) -> Evidence {
        let mut evidence = Evidence::new(criteria);
        let requests = self.requests_per_second * self.look_seconds as f64;
        for _ in 0..self.history {
            let n = chance.poisson(requests);
            let failures = self.failures(n, self.base_rate, chance);
            evidence.learn(0, &super::counts(0, 0, failures, n).into());
        }
        evidence
    }

    fn input(&self, at: u64, share: f64, chance: &mut Chance) -> LookInput {
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
            history: self.refuses_hold_back,
            harm: 0.0,
            ahead: Vec::new(),
            lasting: Duration::from_secs(self.look_seconds),
            checks: vec![Some(counts.into())],
            split: Some(Requests { canary: nc, baseline: nb }),
            sticky: false,
        }
    }

    /// Clusters of geometric size, so that the mean is `n * rate` whatever the size.
    fn failures(&self, n: u64, rate: f64, chance: &mut Chance) -> u64 {
        chance.clusters(n as f64 * rate, self.cluster).min(n)
    }
}

/// Draws from the distributions a world needs.
pub struct Chance(StdRng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn uniform(&mut self) -> f64 {
        // Never 0, whose logarithm is no number.
        1.0 - self.0.random::<f64>()
    }

    /// Exact below a mean of 100, rounded normal above.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 100.0 {
            return libm::round(mean + mean.sqrt() * self.normal()).max(0.0) as u64;
        }
        let (mut count, mut left) = (0, self.uniform());
        let mut chance = libm::exp(-mean);
        while left > chance && count < 1000 {
            left -= chance;
            count += 1;
            chance *= mean / count as f64;
        }
        count
    }

    /// Clusters of geometric size, with `mean` in all.
    pub fn clusters(&mut self, mean: f64, size: f64) -> u64 {
        let clusters = self.poisson(mean / size);
        if size <= 1.0 {
            return clusters;
        }
        (0..clusters).map(|_| self.geometric(1.0 / size)).sum()
    }

    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)
    }

    /// 1, 2, ..., with mean `1/p`.
    fn geometric(&mut self, p: f64) -> u64 {
        1 + (libm::log(self.uniform()) / libm::log1p(-p)) as u64
    }
}
