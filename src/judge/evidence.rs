//! The running state of a rollout's comparison: what a look changes and what is stored.

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Tally};
use super::dispersion::Baseline;
use super::limits::Streak;
use super::mixture::{Arms, Mixture};
use super::onset::Onset;
use super::promotion::Gate;
use super::sample_ratio::SampleRatio;
use super::{Criterion, LookInput, Rules};
use crate::domain::Weight;

/// All the judge remembers of a rollout. Its size does not grow with the looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of the formulas; see [`Evidence::VERSION`].
    version: u32,
    looks: u64,
    /// How often a person said "go on" after a regression.
    lives: u32,
    /// In force during the last look: another one begins a new tally.
    weight: Weight,
    split: SampleRatio,
    checks: Vec<CheckEvidence>,
}

/// The part of one check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckEvidence {
    pub(super) harm: Mixture,
    pub(super) gates: Vec<Gate>,
    pub(super) baseline: Baseline,
    pub(super) onset: Onset,
    /// Since the weight in force last changed.
    pub(super) step: Tally,
    /// Since the first look, or since a person last said "go on".
    pub(super) life: Counts,
    pub(super) limits: Vec<Streak>,
}

impl Evidence {
    /// Rises when the same looks would no longer give the same bits; a rollout goes on with the version it began with
    /// as long as its state can be read.
    pub const VERSION: u32 = 1;

    /// Before the first look.
    pub fn new(criteria: &[Criterion]) -> Self {
        Self {
            version: Self::VERSION,
            looks: 0,
            lives: 0,
            weight: Weight::ZERO,
            split: SampleRatio::default(),
            checks: vec![CheckEvidence::default(); criteria.len()],
        }
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    /// Looks that counted.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Takes one look of a baseline's history in, oldest first: how its failures cluster and how many are usual.
    /// 120 looks are enough, 240 better. An unknown check and a senseless look teach nothing.
    pub fn learn(&mut self, check: usize, requests: u64, failures: u64) {
        if let Some(check) = self.checks.get_mut(check) {
            check.baseline.learn(requests, failures);
        }
    }

    /// The usual share of failures by what was learned so far, 0 to 1 and never 0; 0.1 % when nothing was. Fix a harm
    /// budget from it once, at the start: a gate whose margin moves begins anew.
    pub fn usual_failures(&self, check: usize) -> Option<f64> {
        self.checks.get(check).map(|check| check.baseline.rate())
    }

    /// A person saw the regression and said "go on": the evidence starts anew, and must now reach twice the last limit,
    /// so that any number of lives together stays within twice alpha. What was counted about the baseline stays.
    pub fn next_life(&mut self) {
        self.lives = self.lives.saturating_add(1);
        for check in &mut self.checks {
            check.harm = Mixture::default();
            check.gates.clear();
            check.onset = Onset::default();
            check.life = Counts::default();
            check.limits.clear();
        }
    }

    /// How often a person said "go on" after a regression.
    pub fn lives(&self) -> u32 {
        self.lives
    }

    /// Natural logarithm of what the evidence must reach for a regression.
    pub fn log_limit(&self, rules: &Rules) -> f64 {
        libm::log(1.0 / rules.alpha) + f64::from(self.lives) * std::f64::consts::LN_2
    }

    pub(super) fn split(&self) -> &SampleRatio {
        &self.split
    }

    pub(super) fn checks(&self) -> &[CheckEvidence] {
        &self.checks
    }

    /// Takes one look in. Parts of it that are missing, empty or senseless leave their part of the evidence as it was.
    pub(super) fn take(&mut self, rules: &Rules, criteria: &[Criterion], input: &LookInput) {
        self.checks.resize_with(criteria.len(), CheckEvidence::default);
        if self.weight != input.weight {
            self.weight = input.weight;
            self.checks.iter_mut().for_each(|check| check.step = Tally::default());
        }
        if let Some(seen) = input.split.filter(|seen| !seen.is_senseless()) {
            self.split.update(input.weight, seen, input.sticky);
        }
        let mut counted = false;
        for (index, (check, criterion)) in self.checks.iter_mut().zip(criteria).enumerate() {
            let counts = input.sensible(index);
            check.take(rules, criterion, input, counts.as_ref());
            counted |= counts.is_some_and(|counts| !counts.is_empty());
        }
        self.looks += u64::from(counted);
    }
}

impl CheckEvidence {
    fn take(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        counts: Option<&Counts>,
    ) {
        self.limits.resize_with(criterion.limits.len(), Streak::default);
        for (streak, limit) in self.limits.iter_mut().zip(&criterion.limits) {
            streak.update(limit, counts, input.lasting);
        }
        let Some(counts) = counts else {
            return;
        };
        // An empty look takes its time as well: the pace would be overstated without it.
        self.step.add(counts, input.lasting);
        self.life.add(counts);
        if input.control && !counts.is_empty() {
            self.compare(rules, criterion, input, counts);
        }
    }

    /// The baseline of this look is learned last: what judges a look must come from earlier ones.
    fn compare(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        counts: &Counts,
    ) {
        if let Some(null) = &criterion.tolerate {
            let (rate, dispersion) = (self.baseline.rate(), self.baseline.dispersion());
            let arms = Arms::from(counts);
            if let Some(ratio) = self.harm.update(&arms, null, rate, dispersion, rules.share()) {
                self.onset.update(ratio, counts, input.lasting);
            }
            self.match_gates(input);
            for gate in &mut self.gates {
                gate.update(&arms, rate, dispersion, rules.beta);
            }
        }
        self.baseline.learn(counts.baseline_requests, counts.baseline_failures);
    }

    /// One gate for each margin still ahead; those passed are forgotten.
    fn match_gates(&mut self, input: &LookInput) {
        self.gates.retain(|gate| input.gates().any(|margin| margin == gate.margin()));
        for margin in input.gates() {
            if !margin.is_nan() && self.gate(margin).is_none() {
                self.gates.push(Gate::new(margin));
            }
        }
    }

    pub(super) fn gate(&self, margin: f64) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.margin() == margin)
    }

    /// Canary requests a second at this weight, as seen; `None` before the first.
    pub(super) fn canary_pace(&self) -> Option<f64> {
        let seconds = self.step.lasting.as_secs_f64();
        let requests = self.step.counts.canary_requests as f64;
        (seconds > 0.0 && requests > 0.0).then(|| requests / seconds)
    }
}

impl From<&Counts> for Arms {
    fn from(counts: &Counts) -> Self {
        Self {
            canary_exposure: counts.canary_requests as f64,
            canary_events: counts.canary_failures as f64,
            baseline_exposure: counts.baseline_requests as f64,
            baseline_events: counts.baseline_failures as f64,
        }
    }
}
