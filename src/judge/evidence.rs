//! The running state of a rollout's comparison: what a look changes and what is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::compared::CountEvidence;
use super::dispersion::Baseline;
use super::gauge::Pair;
use super::kinds::Compared;
use super::limits::{Broken, Streak};
use super::numbers::Numbers;
use super::sample_ratio::SampleRatio;
use super::shared::{SharedEvidence, joined};
use super::{Criterion, Limit, LimitKind, LookInput, Rules, Tolerance};
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
#[serde(from = "StoredCheck")]
pub struct CheckEvidence {
    pub(super) compared: Compared,
    pub(super) limits: Vec<Streak>,
}

/// Version 1 had counts alone, without saying so.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredCheck {
    Now {
        compared: Compared,
        limits: Vec<Streak>,
    },
    First {
        #[serde(flatten)]
        counts: CountEvidence,
        limits: Vec<Streak>,
    },
}

impl From<StoredCheck> for CheckEvidence {
    fn from(stored: StoredCheck) -> Self {
        match stored {
            StoredCheck::Now { compared, limits } => Self { compared, limits },
            StoredCheck::First { counts, limits } => {
                Self { compared: Compared::Counts(counts), limits }
            }
        }
    }
}

impl Evidence {
    /// Rises when the same looks would no longer give the same bits; what an earlier version stored loads for ever.
    pub const VERSION: u32 = 2;

    /// Before the first look.
    pub fn new(criteria: &[Criterion]) -> Self {
        Self {
            version: Self::VERSION,
            looks: 0,
            lives: 0,
            weight: Weight::ZERO,
            split: SampleRatio::default(),
            checks: criteria.iter().map(CheckEvidence::new).collect(),
        }
    }

    /// Of the formulas that made it, at its start.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Looks that counted.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Takes one look of a baseline's history in, oldest first: how its failures cluster and how many are usual.
    /// 120 looks are enough, 240 better. An unknown check and a senseless look teach nothing; the canary's part of the
    /// numbers is not looked at.
    pub fn learn(&mut self, check: usize, numbers: &Numbers) {
        self.learn_over(check, numbers, Duration::ZERO);
    }

    /// The same of a look whose time is known: a check of both arms together learns from no other, and of the last hour
    /// before its first look alone.
    pub fn learn_over(&mut self, check: usize, numbers: &Numbers, lasting: Duration) {
        if numbers.is_senseless() {
            return;
        }
        if let Some(check) = self.checks.get_mut(check) {
            check.compared.learn(numbers, lasting);
        }
    }

    /// What the baseline of a check has taught so far, to start a later rollout from; `None` where failures are not
    /// counted.
    pub fn taught(&self, check: usize) -> Option<&Baseline> {
        match &self.checks.get(check)?.compared {
            Compared::Counts(counts) => Some(&counts.bets.baseline),
            Compared::Histogram(_)
            | Compared::Values(_)
            | Compared::Gauge(_)
            | Compared::Shared(_) => None,
        }
    }

    /// Starts from what an earlier rollout was taught, at a small weight. Before anything else is learned.
    pub fn start_from(&mut self, check: usize, taught: &Baseline) {
        if let Some(CheckEvidence { compared: Compared::Counts(counts), .. }) =
            self.checks.get_mut(check)
        {
            counts.bets.baseline = taught.discounted();
        }
    }

    /// Takes one scrape of a level's history in, oldest first: one of the baseline's replicas and the mean of the others,
    /// in the place of the canary and the baseline; `None` where there was none. `lasting`: since the scrape before.
    /// Enough from 2 hours and 240 scrapes on; without it levels are judged by means of 5 minutes.
    pub fn learn_replicas(
        &mut self,
        check: usize,
        replicas: Option<&Pair>,
        lasting: Duration,
        tolerate: &Tolerance,
    ) {
        let Some(check) = self.checks.get_mut(check) else { return };
        if let Some(replicas) = replicas {
            check.compared.become_kind_of(&Numbers::Gauge(*replicas));
        }
        if let Compared::Gauge(gauge) = &mut check.compared {
            gauge.learn(replicas, lasting, tolerate);
        }
    }

    /// The usual share of failures by what was learned so far, 0 to 1 and never 0; 0.1 % when nothing was. Fix a harm
    /// budget from it once, at the start: a gate whose margin moves begins anew. `None` where failures are not counted.
    pub fn usual_failures(&self, check: usize) -> Option<f64> {
        match &self.checks.get(check)?.compared {
            Compared::Counts(counts) => Some(counts.bets.baseline.rate()),
            Compared::Histogram(_)
            | Compared::Values(_)
            | Compared::Gauge(_)
            | Compared::Shared(_) => None,
        }
    }

    /// A person saw the regression and said "go on": the evidence starts anew, and must now reach twice the last limit,
    /// so that any number of lives together stays within twice alpha. What was counted about the baseline stays.
    pub fn next_life(&mut self) {
        self.lives = self.lives.saturating_add(1);
        for check in &mut self.checks {
            check.limits.clear();
            match &mut check.compared {
                Compared::Counts(counts) => counts.next_life(),
                Compared::Histogram(histogram) => histogram.next_life(),
                Compared::Shared(shared) => shared.next_life(),
                Compared::Values(values) => values.begin_life(),
                Compared::Gauge(gauge) => gauge.begin_life(),
            }
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

    /// In memory, what is on the heap included: does not grow with the looks.
    pub fn bytes(&self) -> usize {
        let check = |check: &CheckEvidence| {
            let limits = check.limits.len() * size_of::<Streak>();
            size_of::<CheckEvidence>() + limits + check.compared.heap_bytes()
        };
        size_of::<Self>() + self.checks.iter().map(check).sum::<usize>()
    }

    pub(super) fn split(&self) -> &SampleRatio {
        &self.split
    }

    pub(super) fn checks(&self) -> &[CheckEvidence] {
        &self.checks
    }

    /// Takes one look in. Parts of it that are missing, empty or senseless leave their part of the evidence as it was.
    pub(super) fn take(&mut self, rules: &Rules, criteria: &[Criterion], input: &LookInput) {
        let known = self.checks.len().min(criteria.len());
        self.checks.truncate(known);
        self.checks.extend(criteria[known..].iter().map(CheckEvidence::new));
        if self.weight != input.weight {
            self.weight = input.weight;
            self.checks.iter_mut().for_each(|check| check.compared.weight_changed());
        }
        if let Some(seen) = input.split.filter(|seen| !seen.is_senseless()) {
            self.split.update(input.weight, seen, input.sticky);
        }
        let mut counted = false;
        for (index, (check, criterion)) in self.checks.iter_mut().zip(criteria).enumerate() {
            let numbers = input.sensible(index);
            check.take(rules, criterion, input, numbers);
            counted |= numbers.is_some_and(|n| n.requests().is_none_or(|seen| !seen.is_empty()));
        }
        self.looks += u64::from(counted);
    }
}

impl CheckEvidence {
    fn new(criterion: &Criterion) -> Self {
        let compared = match criterion.both {
            true => Compared::Shared(SharedEvidence::default()),
            false => Compared::default(),
        };
        Self { compared, limits: Vec::new() }
    }

    /// The first limit that is broken and has this consequence.
    pub(super) fn broken(
        &self,
        criterion: &Criterion,
        numbers: &Numbers,
        then: impl Fn(&Limit) -> bool,
    ) -> Option<Broken> {
        let both = criterion.both.then(|| joined(numbers));
        let plain = both.as_ref().unwrap_or(numbers);
        let limits = criterion.limits.iter().zip(&self.limits).enumerate();
        let mut limits = limits.filter(|(_, (limit, _))| then(limit));
        limits.find_map(|(position, (limit, streak))| match &self.compared {
            Compared::Shared(shared) if matches!(limit.kind, LimitKind::AboveBefore(_)) => {
                shared.broken(position, limit)
            }
            _ => streak.verdict(limit, plain).map(|b| Broken { both: criterion.both, ..b }),
        })
    }

    /// Whether it holds both arms to an hour that nobody saw, and to nothing else.
    pub(super) fn is_unarmed(&self, criterion: &Criterion) -> bool {
        let before = |limit: &Limit| matches!(limit.kind, LimitKind::AboveBefore(_));
        matches!(&self.compared, Compared::Shared(shared) if !shared.is_armed())
            && criterion.limits.iter().all(before)
    }

    fn take(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        numbers: Option<&Numbers>,
    ) {
        self.limits.resize_with(criterion.limits.len(), Streak::default);
        let both = numbers.filter(|_| criterion.both).map(joined);
        let plain = both.as_ref().or(numbers);
        for (streak, limit) in self.limits.iter_mut().zip(&criterion.limits) {
            streak.update(limit, plain, input.lasting);
        }
        match numbers {
            Some(numbers) => self.compared.take(rules, criterion, input, numbers),
            None => self.compared.miss(rules, criterion, input),
        }
    }
}
