//! The evidence of one check that counts: failures, or requests slower than one bound.

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Tally};
use super::dispersion::Baseline;
use super::history;
use super::mixture::{Arms, Mixture};
use super::onset::Onset;
use super::promotion::Gates;
use super::{Criterion, LookInput, Rules, Tolerance};

/// The bets on one kind of failure, and what its baseline has taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub(super) harm: Mixture,
    pub(super) baseline: Baseline,
    /// What a canary without control is held to, fixed when it lost its control: a rate of failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_to: Option<f64>,
}

impl Comparison {
    /// Takes one look in. The baseline of this look is learned last: what judges a look must come from earlier ones.
    /// Returns the log likelihood ratio that dates an onset, of a look that said something.
    pub(super) fn take(
        &mut self,
        rules: &Rules,
        tolerate: Option<&Tolerance>,
        input: &LookInput,
        counts: &Counts,
    ) -> Option<f64> {
        let (rate, dispersion) = (self.baseline.rate(), self.baseline.dispersion());
        let ratio = tolerate.and_then(|null| {
            let null = match input.control {
                true => *null,
                false => self.without_control(rules, null, input.history)?,
            };
            self.harm.update(&Arms::from(counts), &null, rate, dispersion, rules.share())
        });
        if input.control {
            self.baseline.learn(counts.baseline_requests, counts.baseline_failures);
        }
        ratio
    }

    /// The null of a look that has no baseline: the bound of what the baseline did before, once and for all. The bets go
    /// on with the wealth they had, so the evidence stays one process.
    fn without_control(
        &mut self,
        rules: &Rules,
        null: &Tolerance,
        history: bool,
    ) -> Option<Tolerance> {
        if null.ratio <= 0.0 {
            return Some(*null);
        }
        if !history {
            return None;
        }
        let fixed = || history::held_to(&self.baseline, null, rules.alpha);
        Some(Tolerance { ratio: 0.0, delta: *self.held_to.get_or_insert_with(fixed) })
    }

    /// What a canary without control is held to, a failure rate; `None` while it has one.
    pub(super) fn held_to(&self) -> Option<f64> {
        self.held_to
    }

    /// The bets start anew, what the baseline taught stays.
    pub(super) fn next_life(&mut self) {
        let baseline = std::mem::take(&mut self.baseline);
        *self = Self { baseline, ..Self::default() };
    }
}

/// What is remembered of a comparison of counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CountEvidence {
    #[serde(flatten)]
    pub(super) bets: Comparison,
    pub(super) gates: Gates,
    pub(super) onset: Onset,
    /// Since the weight in force last changed.
    pub(super) step: Tally,
    /// Since the first look, or since a person last said "go on".
    pub(super) life: Counts,
}

impl CountEvidence {
    pub(super) fn take(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        counts: &Counts,
    ) {
        // An empty look takes its time as well: the pace would be overstated without it.
        self.step.add(counts, input.lasting);
        self.life.add(counts);
        if counts.is_empty() {
            return;
        }
        if criterion.tolerate.is_some() && input.control {
            let baseline = &self.bets.baseline;
            let (rate, dispersion) = (baseline.rate(), baseline.dispersion());
            self.gates.update(
                input.margins(0.0),
                &Arms::from(counts),
                rate,
                dispersion,
                rules.beta,
            );
        }
        let ratio = self.bets.take(rules, criterion.tolerate.as_ref(), input, counts);
        if let Some(ratio) = ratio {
            self.onset.update(ratio, counts, input.lasting);
        }
    }

    /// Evidence of harm, natural logarithm. A canary that failed fewer times than the least that count cannot show
    /// harm, only health.
    pub(super) fn log_harm(&self, rules: &Rules) -> f64 {
        let log = self.bets.harm.log_evidence();
        if self.life.canary_failures >= rules.min_failures { log } else { log.min(0.0) }
    }

    pub(super) fn next_life(&mut self) {
        self.bets.next_life();
        *self = Self { bets: std::mem::take(&mut self.bets), step: self.step, ..Self::default() };
    }

    /// What a sentence about harm should count: since the onset, if that alone shows it.
    pub(super) fn shown(&self, rules: &Rules) -> Counts {
        let since = self.onset.since().counts;
        let worse = since.ratio().is_none_or(|ratio| ratio > 1.0);
        let enough = since.canary_failures >= rules.min_failures;
        if enough && worse { since } else { self.life }
    }

    /// Since harm seems to have begun; `None` while nothing points to it.
    pub(super) fn since(&self) -> Option<Counts> {
        Some(self.onset.since().counts).filter(|counts| !counts.is_empty())
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
