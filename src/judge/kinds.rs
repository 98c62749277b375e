//! The evidence of one check, by the kind of its numbers: what each kind does with a look, and what it can tell.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::compared::CountEvidence;
use super::counts::Tally;
use super::gauge::GaugeEvidence;
use super::histogram::HistogramEvidence;
use super::numbers::Numbers;
use super::shared::SharedEvidence;
use super::values::ValuesEvidence;
use super::{Criterion, LookInput, Rules};
use crate::domain::Weight;

/// A step may worsen the mean of values by this part, over all requests.
const VALUE_PART: f64 = 0.2;

/// The excess, as a part of the baseline's mean, that the step to `next` must exclude.
pub(super) fn value_margin(next: Weight) -> f64 {
    VALUE_PART / next.fraction().max(f64::MIN_POSITIVE)
}

/// What was compared, by the kind of numbers there are: the first ones say which, and it stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compared {
    Counts(CountEvidence),
    Histogram(HistogramEvidence),
    /// Both arms together: said by the criterion, whatever the numbers.
    Shared(SharedEvidence),
    Values(ValuesEvidence),
    Gauge(GaugeEvidence),
}

impl Default for Compared {
    fn default() -> Self {
        Self::Counts(CountEvidence::default())
    }
}

impl Compared {
    pub(super) fn learn(&mut self, numbers: &Numbers, lasting: Duration) {
        self.become_kind_of(numbers);
        match (self, numbers) {
            (Self::Counts(counts), Numbers::Counts(look)) => {
                counts.bets.baseline.learn(look.baseline_requests, look.baseline_failures);
            }
            (Self::Histogram(histogram), Numbers::Histogram(look)) => histogram.learn(look),
            (Self::Shared(shared), _) => shared.learn(numbers, lasting),
            (Self::Values(values), Numbers::Values(look)) => values.learn(&look.baseline),
            // A level of the baseline alone has nothing beside it to learn from.
            _ => {}
        }
    }

    pub(super) fn take(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        numbers: &Numbers,
    ) {
        self.become_kind_of(numbers);
        match (self, numbers) {
            (Self::Counts(counts), Numbers::Counts(look)) => {
                counts.take(rules, criterion, input, look);
            }
            (Self::Histogram(histogram), Numbers::Histogram(look)) => {
                histogram.take(rules, criterion, input, look);
            }
            (Self::Shared(shared), _) => shared.take(criterion, numbers, input.lasting),
            (Self::Values(values), Numbers::Values(look)) => {
                if let Some(null) = criterion.tolerate.as_ref().filter(|_| input.control) {
                    let ahead = input.ahead.iter().map(|next| value_margin(*next));
                    values.update(look, null, criterion.worse, rules, ahead);
                    values.lasted(input.lasting);
                }
            }
            (Self::Gauge(gauge), Numbers::Gauge(pair)) => {
                if let Some(null) = criterion.tolerate.as_ref().filter(|_| input.control) {
                    gauge.update(Some(pair), input.lasting, null, criterion.worse, rules.alpha);
                }
            }
            _ => {}
        }
    }

    /// A look without numbers. Levels resemble their neighbours in time, so a missing one counts as time; what is summed
    /// up over looks loses nothing but this look.
    pub(super) fn miss(&mut self, rules: &Rules, criterion: &Criterion, input: &LookInput) {
        let null = criterion.tolerate.as_ref().filter(|_| input.control);
        if let (Self::Gauge(gauge), Some(null)) = (self, null) {
            gauge.update(None, input.lasting, null, criterion.worse, rules.alpha);
        }
    }

    /// A plan never changes the kind of a check, so what is replaced here is what nothing was learned of.
    pub(super) fn become_kind_of(&mut self, numbers: &Numbers) {
        match (&self, numbers) {
            (Self::Shared(_), _)
            | (Self::Counts(_), Numbers::Counts(_))
            | (Self::Histogram(_), Numbers::Histogram(_))
            | (Self::Values(_), Numbers::Values(_))
            | (Self::Gauge(_), Numbers::Gauge(_)) => {}
            (_, Numbers::Counts(_)) => *self = Self::Counts(CountEvidence::default()),
            (_, Numbers::Histogram(_)) => *self = Self::Histogram(HistogramEvidence::default()),
            (_, Numbers::Values(_)) => *self = Self::Values(ValuesEvidence::default()),
            (_, Numbers::Gauge(_)) => *self = Self::Gauge(GaugeEvidence::default()),
            (_, Numbers::Level(_)) => {}
        }
    }

    pub(super) fn weight_changed(&mut self) {
        match self {
            Self::Counts(counts) => counts.step = Tally::default(),
            Self::Histogram(histogram) => histogram.weight_changed(),
            Self::Shared(shared) => shared.weight_changed(),
            Self::Values(values) => values.begin_step(),
            Self::Gauge(_) => {}
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Counts(counts) => counts.gates.heap_bytes(),
            Self::Histogram(histogram) => histogram.heap_bytes(),
            Self::Values(values) => values.heap_bytes(),
            Self::Shared(shared) => shared.heap_bytes(),
            Self::Gauge(_) => 0,
        }
    }

    /// Evidence of harm, natural logarithm, as it counts.
    pub(super) fn log_harm(&self, rules: &Rules) -> f64 {
        match self {
            Self::Counts(counts) => counts.log_harm(rules),
            Self::Histogram(histogram) => histogram.log_harm(rules),
            Self::Shared(_) => 0.0,
            Self::Values(values) => values.log_evidence(),
            Self::Gauge(gauge) => gauge.log_evidence(),
        }
    }

    /// The same as if failures came alone: not divided by their dispersion.
    pub(super) fn log_undivided(&self, rules: &Rules) -> f64 {
        let dispersion = match self {
            Self::Counts(counts) => counts.bets.baseline.dispersion(),
            Self::Histogram(histogram) => histogram.told(rules).map_or(1.0, |t| t.dispersion),
            Self::Values(_) | Self::Gauge(_) | Self::Shared(_) => 1.0,
        };
        self.log_harm(rules) * dispersion
    }

    /// What was counted since the weight changed, and how long it took.
    pub(super) fn step(&self) -> Tally {
        match self {
            Self::Counts(counts) => counts.step,
            Self::Histogram(histogram) => *histogram.step(),
            Self::Shared(shared) => shared.step(),
            Self::Values(values) => values.step(),
            Self::Gauge(_) => Tally::default(),
        }
    }

    /// Whether it can vote for a step.
    pub(super) fn has_gate(&self) -> bool {
        match self {
            Self::Counts(_) | Self::Histogram(_) | Self::Values(_) => true,
            // Levels are weak evidence, and vote against only; both arms together say nothing of the canary.
            Self::Gauge(_) | Self::Shared(_) => false,
        }
    }

    /// Canary requests a second at this weight, as seen; `None` before the first.
    pub(super) fn canary_pace(&self) -> Option<f64> {
        let step = self.step();
        let seconds = step.lasting.as_secs_f64();
        let requests = step.counts.canary_requests as f64;
        (seconds > 0.0 && requests > 0.0).then(|| requests / seconds)
    }
}
