//! The numbers of one check after a look, as people compare them: what was counted, what must still be excluded.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::evidence::CheckEvidence;
use super::gauge::{By, GaugeEvidence, Pair};
use super::kinds::{Compared, value_margin};
use super::look::Look;
use super::shared::Together;
use super::values::ValuesEvidence;
use super::verdict::{Means, Remaining, What};
use super::{Criterion, planning};

/// The numbers of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub check: String,
    /// What the counts below are of.
    #[serde(default)]
    pub what: What,
    /// Counted since the weight in force last changed.
    pub step: Counts,
    /// Counted since harm seems to have begun; `None` while nothing points to harm.
    pub since: Option<Counts>,
    /// Of values and levels, instead of counts.
    #[serde(default)]
    pub means: Option<Means>,
    /// Of levels: what their noise is judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Evidence of harm of this check alone, natural logarithm; `None`: limits only.
    pub log_evidence: Option<f64>,
    /// What the next step must exclude, as an excess failure rate.
    pub margin: Option<f64>,
    /// Evidence that it is excluded, natural logarithm; enough from `ln(1/beta)` on.
    pub log_excluded: Option<f64>,
    /// Until it is excluded, if the canary is as good as the baseline; `None` where nothing is to be excluded or no
    /// number of requests would do.
    pub remaining: Option<Remaining>,
    /// How much more than chance the baseline's failures vary; at least 1.
    pub dispersion: f64,
    /// The failure rate a canary without control is held to, by what the baseline did before; `None` with a control.
    #[serde(default)]
    pub held_to: Option<f64>,
    /// Of a check of both arms together: how they stand against the hour before the shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
}

impl Reading {
    /// What was counted in this step before harm began; `None` where nothing points to harm, or it began earlier.
    pub fn before(&self) -> Option<Counts> {
        let (step, since) = (self.step, self.since?);
        let before = Counts {
            canary_requests: step.canary_requests.checked_sub(since.canary_requests)?,
            canary_failures: step.canary_failures.checked_sub(since.canary_failures)?,
            baseline_requests: step.baseline_requests.checked_sub(since.baseline_requests)?,
            baseline_failures: step.baseline_failures.checked_sub(since.baseline_failures)?,
        };
        Some(before).filter(|counts| !counts.is_empty())
    }

    /// How many times the baseline's failures the margin is, and how many times the canary's can be at most by this
    /// step's range; `None` where nothing is to be ruled out or the baseline has no failures.
    pub(super) fn ruled_out(&self) -> Option<(f64, Option<f64>)> {
        let base = self.step.baseline_rate().filter(|rate| *rate > 0.0)?;
        let high = super::band(&self.step, self.dispersion).and_then(|band| band.high);
        Some(((base + self.margin?) / base, high))
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            check: String::new(),
            what: What::default(),
            step: Counts::default(),
            since: None,
            means: None,
            by: None,
            log_evidence: None,
            margin: None,
            log_excluded: None,
            remaining: None,
            dispersion: 1.0,
            held_to: None,
            together: None,
        }
    }
}

impl Look<'_> {
    pub(super) fn read(&self, criterion: &Criterion, evidence: &CheckEvidence) -> Reading {
        let compares = criterion.tolerate.is_some();
        let mut reading = Reading {
            check: criterion.name.clone(),
            log_evidence: compares.then(|| evidence.compared.log_harm(self.rules)),
            ..Reading::default()
        };
        match &evidence.compared {
            Compared::Counts(counts) => {
                reading.what = if criterion.users { What::FailedUsers } else { What::Failed };
                reading.step = counts.step.counts;
                reading.since = counts.since();
                reading.held_to = counts.bets.held_to();
                let margin = self.input.margins(0.0).next();
                let margin = margin.filter(|_| !criterion.may_miss);
                let gate = margin.map(|margin| (margin, counts.gates.log_excluded(margin)));
                let baseline = &counts.bets.baseline;
                reading.dispersion = baseline.dispersion();
                self.opening(&mut reading, evidence, gate.filter(|_| compares), baseline.rate());
            }
            Compared::Histogram(histogram) => {
                let opens = compares && !criterion.may_miss && !self.input.ahead.is_empty();
                // Before its bounds are chosen and its baseline is known it has excluded nothing.
                reading.log_excluded = opens.then_some(0.0);
                let Some(told) = histogram.told(self.rules) else { return reading };
                reading.what = What::SlowerThan(told.than);
                reading.step = told.step;
                reading.since = told.since;
                reading.held_to = told.held_to;
                reading.dispersion = told.dispersion;
                let gate = histogram.gate(self.input).filter(|_| opens);
                self.opening(&mut reading, evidence, gate, told.rate);
            }
            Compared::Values(values) => {
                reading.what = What::Mean;
                reading.step = values.step().counts;
                reading.means = means_of(values);
                let ahead = self.input.ahead.first().filter(|_| compares && !criterion.may_miss);
                reading.margin = ahead.map(|next| value_margin(*next));
                reading.log_excluded =
                    reading.margin.map(|margin| values.log_excluded(margin).unwrap_or(0.0));
                let missing = reading.margin.map(|margin| values.missing(margin, self.rules.beta));
                reading.remaining = missing.and_then(|events| remaining(evidence, events));
            }
            Compared::Gauge(gauge) => {
                reading.what = What::Level;
                reading.means = levels_of(gauge);
                reading.by = gauge.by();
            }
            Compared::Shared(shared) => {
                let together = shared.together();
                reading.what = shared.what();
                reading.step = shared.step().counts;
                reading.dispersion = together.before.map_or(1.0, |before| before.dispersion);
                reading.together = Some(together);
            }
        }
        reading
    }

    /// What opens the next step, and about how much is still missing.
    fn opening(
        &self,
        reading: &mut Reading,
        evidence: &CheckEvidence,
        gate: Option<(f64, f64)>,
        rate: f64,
    ) {
        let Some((margin, log_excluded)) = gate else { return };
        reading.margin = Some(margin);
        reading.log_excluded = Some(log_excluded);
        let missing = (libm::log(1.0 / self.rules.beta) - log_excluded).max(0.0);
        let weight = self.input.weight.fraction();
        let information = planning::health_information(rate, weight, margin);
        let requests = planning::requests_for(missing, information, reading.dispersion);
        reading.remaining = remaining(evidence, requests);
    }
}

/// So many canary requests more, and how long they take at this weight's pace; `None` where no number would do.
fn remaining(evidence: &CheckEvidence, requests: f64) -> Option<Remaining> {
    let pace = evidence.compared.canary_pace();
    let time = pace.and_then(|pace| Duration::try_from_secs_f64(requests / pace).ok());
    requests.is_finite().then_some(Remaining { requests, time })
}

pub(super) fn means_of(values: &ValuesEvidence) -> Option<Means> {
    let step = values.step().counts;
    Some(Means {
        canary: values.canary_mean()?,
        baseline: values.baseline_mean()?,
        canary_events: step.canary_requests,
        baseline_events: step.baseline_requests,
    })
}

pub(super) fn levels_of(gauge: &GaugeEvidence) -> Option<Means> {
    let (Pair { canary, baseline }, seen) = gauge.last()?;
    Some(Means { canary, baseline, canary_events: seen, baseline_events: seen })
}
