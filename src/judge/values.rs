//! Values per event (an order's worth, a job's duration): both arms' means, one stratum a look.
//!
//! Per look the difference `d` between the canary's mean and the line that is still tolerated has the variance
//! `v = s2_canary/n_canary + factor^2 s2_baseline/n_baseline`, with `s2` from earlier looks, and goes into the normal
//! mixture of `normal`. The arms are only ever compared within a look, so a mean that moves in both says nothing. This
//! is asymptotic: it needs some events, and values without a monstrous tail, hence [`ValuesEvidence::cap`].
//!
//! All is kept in units of the early baseline mean, so that no number leaves the floats and the mixture's tuning is a
//! constant.

use std::time::Duration;

use libm::log;
use serde::{Deserialize, Serialize};

use super::counts::{Counts, MOST, Tally};
use super::normal::{Bets, Shifts, tuning};
use super::worse::{Line, Worse};
use super::{Rules, Tolerance};

/// Baseline events before anything has weight: they set the unit.
const EARLY: u64 = 50;
/// Canary events before evidence may speak of harm or of health.
const ENOUGH: u64 = 30;
/// In means of the early baseline: where single values, and at the latest the mean of a look, are cut.
const CAP: f64 = 20.0;
/// The mixture is tuned to a shift of this share of the mean.
const AIM: f64 = 0.1;
/// Values that scatter around a mean near 0 have a tenth of their deviation as unit.
const LEAST_MEAN: f64 = 0.1;
/// Nothing is surer than this share of the mean: equal values would be infinitely sure.
const LEAST_DEVIATION: f64 = 0.01;
/// The canary's variance starts out as if this many of its events had varied as the baseline's do.
const SHRINKING: f64 = 50.0;
/// Looks are joined until this many events tell of a variance.
const BLOCK: f64 = 10.0;
/// Of what is known of the variance that stays with each block: it moves with the mean.
const STAYS: f64 = 0.95;
/// Less than this many events are not forgotten.
const KEPT_EVENTS: f64 = 1000.0;
/// Margins are shares of the baseline mean within these.
const MARGINS: (f64, f64) = (1e-6, 10.0);
/// Evidence of health above `100/beta` is not kept, so that a late regression closes the gate soon.
const KEPT: f64 = 100.0;
/// Means and units beyond have squares that are no floats.
const LARGEST: f64 = 1e150;

/// One arm's events in a look: how many, their sum, the sum of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    pub events: u64,
    pub sum: f64,
    pub squares: f64,
}

/// Both arms over the same interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    pub canary: Moments,
    pub baseline: Moments,
}

/// What is remembered of a check of values. Its size does not grow with the looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValuesEvidence {
    /// The baseline until the unit is known; empty afterwards.
    early: Moments,
    unit: Option<Unit>,
    canary: Spread,
    baseline: Spread,
    /// Events of the canary that were compared.
    compared: u64,
    harm: Bets,
    gates: Vec<Gate>,
    /// Events and their sum since the step began.
    canary_step: (u64, f64),
    baseline_step: (u64, f64),
    lasting: Duration,
}

/// The early baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Unit {
    mean: f64,
    /// Above 0.
    size: f64,
}

/// A variance, pooled within blocks of looks, in squared units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Spread {
    /// Events, mean and sum of squared deviations of the block being filled.
    filling: (f64, f64, f64),
    squares: f64,
    degrees: f64,
}

/// Evidence that the canary's mean is less than `margin` worse than the baseline's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Gate {
    margin: f64,
    shifts: Shifts,
}

/// One arm of a look in units: events, mean, sum of squared deviations.
#[derive(Clone, Copy)]
struct Sample {
    events: f64,
    mean: f64,
    squares: f64,
}

/// A look as the evidence takes it: means, and the variance of either.
struct Look {
    canary: f64,
    baseline: f64,
    canary_variance: f64,
    baseline_variance: f64,
}

impl Moments {
    /// Of the values; `None` without events and for numbers that cannot be.
    pub fn mean(&self) -> Option<f64> {
        let mean = self.sum / self.events as f64;
        let possible = self.events <= MOST && self.squares >= 0.0 && self.squares.is_finite();
        (self.events > 0 && possible && mean.abs() <= LARGEST).then_some(mean)
    }

    /// A sum without events, no number, or squares that no events could have.
    pub(super) fn is_senseless(&self) -> bool {
        let finite = self.sum.is_finite() && self.squares.is_finite();
        let empty = self.events == 0 && (self.sum != 0.0 || self.squares != 0.0);
        // Cauchy-Schwarz, with room for rounding.
        let least = self.sum * self.sum / self.events.max(1) as f64;
        !finite || empty || self.events > MOST || self.squares < least * (1.0 - 1e-9)
    }

    fn add(&mut self, more: &Self) {
        self.events = self.events.saturating_add(more.events);
        self.sum += more.sum;
        self.squares = (self.squares + more.squares).min(f64::MAX);
    }

    /// Rounding may leave a little less than nothing of equal values.
    fn squared_deviations(&self, mean: f64) -> f64 {
        (self.squares - self.sum * mean).max(0.0)
    }

    fn sample(&self, unit: &Unit) -> Option<Sample> {
        let mean = self.mean()?;
        // One after the other: the square of a unit may be no float.
        let squares = self.squared_deviations(mean) / unit.size / unit.size;
        let mean = (mean / unit.size).clamp(-CAP, CAP);
        Some(Sample { events: self.events as f64, mean, squares: squares.min(LARGEST) })
    }
}

impl ValuesEvidence {
    /// Takes one look of the baseline's history in, oldest first. Numbers that cannot be teach nothing.
    pub(super) fn learn(&mut self, baseline: &Moments) {
        if let Some(unit) = &self.unit {
            if let Some(sample) = baseline.sample(unit) {
                self.baseline.learn(sample);
            }
        } else if baseline.mean().is_some() {
            self.early.add(baseline);
            self.set_unit();
        }
    }

    /// Takes one look in. `margins` are what steps still ahead must exclude, as shares of the baseline mean above 0, at
    /// most 10. The baseline of this look is learned last: what judges a look comes from earlier ones.
    pub(super) fn update(
        &mut self,
        look: &Values,
        tolerate: &Tolerance,
        worse: Worse,
        rules: &Rules,
        margins: impl Iterator<Item = f64> + Clone,
    ) {
        count(&mut self.canary_step, &look.canary);
        count(&mut self.baseline_step, &look.baseline);
        self.match_gates(margins, rules.beta);
        if let Some(unit) = self.unit {
            let canary = look.canary.sample(&unit);
            let baseline = look.baseline.sample(&unit);
            if let Some(canary) = canary {
                self.compare(&unit, canary, baseline, tolerate, worse, rules);
                self.canary.learn(canary);
            }
        }
        self.learn(&look.baseline);
    }

    /// A new weight is in force: the means of the step begin anew.
    pub(super) fn begin_step(&mut self) {
        (self.canary_step, self.baseline_step) = Default::default();
        self.lasting = Duration::ZERO;
    }

    /// A person said "go on" after a regression: evidence begins anew, what was learned stays.
    pub(super) fn begin_life(&mut self) {
        self.harm = Bets::default();
        self.gates.clear();
        self.compared = 0;
    }

    /// Natural logarithm of the evidence of harm; 0 at the start, and at most 0 below 30 canary events.
    pub fn log_evidence(&self) -> f64 {
        self.counted(self.harm.log_evidence())
    }

    /// Natural logarithm of the evidence that harm is below `margin`, a share of the baseline mean; enough from
    /// `ln(1/beta)` on, at this look only. `None` where the last look did not ask for it.
    pub fn log_excluded(&self, margin: f64) -> Option<f64> {
        let margin = as_gate(margin)?;
        let gate = self.gates.iter().find(|gate| gate.margin == margin)?;
        Some(self.counted(gate.shifts.log_evidence()))
    }

    /// Where whoever adds values up should cut each of them: 20 times the early baseline mean, one fixed number once 50
    /// baseline events were seen. One value far out says little about the mean and would drown all others. `None`
    /// before, and where the mean is not above 0.
    #[cfg(test)]
    pub fn cap(&self) -> Option<f64> {
        self.unit.map(|unit| CAP * unit.mean).filter(|&cap| cap > 0.0)
    }

    /// Events of both arms since the step began.
    pub(super) fn step(&self) -> Tally {
        let counts = Counts {
            canary_requests: self.canary_step.0,
            baseline_requests: self.baseline_step.0,
            ..Counts::default()
        };
        Tally { counts, lasting: self.lasting }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.gates.len() * size_of::<Gate>()
    }

    /// The time a look took, for the pace of events.
    pub(super) fn lasted(&mut self, lasting: Duration) {
        self.lasting = self.lasting.saturating_add(lasting);
    }

    /// Of the step, as it came in; `None` without events.
    pub fn canary_mean(&self) -> Option<f64> {
        mean(self.canary_step)
    }

    /// Of the step, as it came in; `None` without events.
    pub fn baseline_mean(&self) -> Option<f64> {
        mean(self.baseline_step)
    }

    /// Few events are not yet normal in the mean: they may speak against something, not for it.
    fn counted(&self, log_evidence: f64) -> f64 {
        if self.compared >= ENOUGH { log_evidence } else { log_evidence.min(0.0) }
    }

    fn set_unit(&mut self) {
        let Some(mean) = self.early.mean().filter(|_| self.early.events >= EARLY) else {
            return;
        };
        let degrees = (self.early.events - 1) as f64;
        let deviation = (self.early.squared_deviations(mean) / degrees).sqrt();
        let size = mean.abs().max(LEAST_MEAN * deviation);
        // Nothing but zeros so far: there is nothing to measure in.
        if (1.0 / LARGEST..=LARGEST).contains(&size) {
            self.unit = Some(Unit { mean, size });
            let early = std::mem::take(&mut self.early);
            self.learn(&early);
        }
    }

    fn compare(
        &mut self,
        unit: &Unit,
        canary: Sample,
        baseline: Option<Sample>,
        tolerate: &Tolerance,
        worse: Worse,
        rules: &Rules,
    ) {
        let negative = unit.mean < 0.0;
        let look = self.look(canary, baseline);
        let line = Line::new(tolerate, worse, negative, unit.size);
        if let Some((excess, information)) = line.and_then(|line| look.against(&line)) {
            let aim = 2.0 * log(1.0 / rules.alpha) / (AIM * AIM);
            self.harm.add(excess, information, tuning(aim, rules.alpha));
            self.compared = self.compared.saturating_add(canary.events as u64);
        }
        for gate in &mut self.gates {
            let edge = Tolerance { ratio: 1.0 + gate.margin, delta: 0.0 };
            let line = Line::new(&edge, worse, negative, 1.0);
            if let Some((excess, information)) = line.and_then(|line| look.against(&line)) {
                gate.shifts.add(-excess, information);
                gate.shifts.cap(log(KEPT / rules.beta));
            }
        }
    }

    fn look(&self, canary: Sample, baseline: Option<Sample>) -> Look {
        let least = LEAST_DEVIATION * LEAST_DEVIATION;
        let usual = self.baseline.variance().max(least);
        let shrunk = (self.canary.squares + SHRINKING * usual) / (self.canary.degrees + SHRINKING);
        Look {
            canary: canary.mean,
            baseline: baseline.map_or(0.0, |baseline| baseline.mean),
            canary_variance: shrunk.max(least) / canary.events,
            baseline_variance: baseline.map_or(f64::INFINITY, |baseline| usual / baseline.events),
        }
    }

    /// One gate for each margin still ahead; those passed are forgotten.
    fn match_gates(&mut self, margins: impl Iterator<Item = f64> + Clone, beta: f64) {
        let margins = margins.filter_map(as_gate);
        self.gates.retain(|gate| margins.clone().any(|margin| margin == gate.margin));
        for margin in margins {
            if self.gates.iter().all(|gate| gate.margin != margin) {
                let aim = 2.0 * log(1.0 / beta) / (margin * margin);
                self.gates.push(Gate { margin, shifts: Shifts::new(tuning(aim, beta)) });
            }
        }
    }
}

impl Look {
    /// How far the canary is over the line, and 1 over the variance of that. An absolute line needs no baseline.
    fn against(&self, line: &Line) -> Option<(f64, f64)> {
        let baseline = if line.factor > 0.0 {
            self.baseline_variance * line.factor * line.factor
        } else {
            0.0
        };
        let variance = self.canary_variance + baseline;
        variance.is_finite().then(|| (line.excess(self.canary, self.baseline), 1.0 / variance))
    }
}

impl Spread {
    /// 0 before the first block.
    fn variance(&self) -> f64 {
        if self.degrees > 0.0 { self.squares / self.degrees } else { 0.0 }
    }

    /// Deviations are those within a block: a mean that moves from look to look is no variance.
    fn learn(&mut self, more: Sample) {
        let (events, mean, squares) = self.filling;
        let all = events + more.events;
        let apart = more.mean - mean;
        let mean = mean + apart * (more.events / all);
        let squares = squares + more.squares + apart * apart * events * (more.events / all);
        self.filling = (all, mean, squares);
        if all >= BLOCK {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let (events, _, squares) = std::mem::take(&mut self.filling);
        if self.degrees > KEPT_EVENTS {
            self.squares *= STAYS;
            self.degrees *= STAYS;
        }
        self.squares += squares;
        self.degrees += events - 1.0;
    }
}

/// As gates know a margin; `None` for what is no margin.
fn as_gate(margin: f64) -> Option<f64> {
    (!margin.is_nan()).then(|| margin.clamp(MARGINS.0, MARGINS.1))
}

fn count(step: &mut (u64, f64), seen: &Moments) {
    if seen.mean().is_some() {
        step.0 = step.0.saturating_add(seen.events);
        step.1 += seen.sum;
    }
}

fn mean((events, sum): (u64, f64)) -> Option<f64> {
    (events > 0).then(|| sum / events as f64)
}
