//! Latency as counts: requests slower than each of a few bounds.
//!
//! "Slower than this bound" is a failure like any other, so each bound has an evidence process, and the check's is their
//! plain average: valid under any dependence, and there is a lot. A few bounds spread over the tail see a shift of
//! everything and a few very slow requests alike.

use serde::{Deserialize, Serialize};

use super::compared::Comparison;
use super::counts::{Counts, Tally};
use super::mixture::{Arms, log_sum};
use super::numbers::Histogram;
use super::promotion::Gates;
use super::{Criterion, LookInput, Rules};

/// The baseline's shares of slower requests that the bounds should be near to; the last one is "hardly any".
const WANTED: [f64; 5] = [0.4, 0.1, 0.02, 0.003, 0.0];
/// The bound whose share is nearest to this speaks for health and is shown.
const SHOWN: f64 = 0.01;
/// A step may make this part more of the usually slow requests slow, or the plan's harm, whichever is more.
const USUAL_PART: f64 = 0.2;

/// What is remembered of a comparison of latencies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistogramEvidence {
    /// Chosen from the first look with requests in the baseline, by rising bound.
    bounds: Vec<Bound>,
    /// Position of the bound that is shown and has the gates.
    shown: usize,
    gates: Gates,
    /// The share of slow requests at the shown bound when the arms were first compared.
    usual: Option<f64>,
    /// Requests since the weight in force last changed; the slow ones are with the bounds.
    step: Tally,
}

/// One bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Bound {
    /// Seconds.
    than: f64,
    bets: Comparison,
    /// Page's sum, and what was counted since it was last 0.
    score: f64,
    since: Counts,
    /// Slow requests of canary and baseline since the weight changed.
    step: (u64, u64),
    /// Slow canary requests since a person last said "go on".
    life: u64,
}

impl HistogramEvidence {
    /// A look at the baseline alone.
    pub(super) fn learn(&mut self, look: &Histogram) {
        self.choose(look);
        for bound in &mut self.bounds {
            if let Some(counts) = bound.of(look) {
                bound.bets.baseline.learn(counts.baseline_requests, counts.baseline_failures);
            }
        }
    }

    pub(super) fn take(
        &mut self,
        rules: &Rules,
        criterion: &Criterion,
        input: &LookInput,
        look: &Histogram,
    ) {
        self.choose(look);
        let requests = Counts {
            canary_requests: look.canary_requests,
            baseline_requests: look.baseline_requests,
            ..Counts::default()
        };
        self.step.add(&requests, input.lasting);
        if requests.is_empty() {
            return;
        }
        if criterion.tolerate.is_some() && input.control {
            self.open(rules, input, look);
        }
        for bound in &mut self.bounds {
            // A bound that this look does not have says nothing; the others go on.
            if let Some(counts) = bound.of(look) {
                bound.take(rules, criterion, input, &counts);
            }
        }
    }

    /// The gates of the shown bound, before its baseline learns of this look.
    fn open(&mut self, rules: &Rules, input: &LookInput, look: &Histogram) {
        let Some(bound) = self.bounds.get(self.shown) else { return };
        let Some(counts) = bound.of(look) else { return };
        let baseline = &bound.bets.baseline;
        if baseline.seen().0 <= 0.0 {
            // What is usual is not known yet; it is fixed once.
            return;
        }
        let (rate, dispersion) = (baseline.rate(), baseline.dispersion());
        let usual = *self.usual.get_or_insert(rate);
        let margins = input.margins(USUAL_PART * usual);
        self.gates.update(margins, &Arms::from(&counts), rate, dispersion, rules.beta);
    }

    /// Chooses bounds once, by the first look that shows the baseline's shares.
    fn choose(&mut self, look: &Histogram) {
        if !self.bounds.is_empty() || look.baseline_requests == 0 {
            return;
        }
        let share =
            |i: usize| look.counts(i).and_then(|counts| counts.baseline_rate()).unwrap_or_default();
        let mut left: Vec<usize> = (0..look.slower.len()).collect();
        let mut chosen = Vec::new();
        for wanted in WANTED {
            let far = |i: usize| (libm::log10(share(i) + 1e-4) - libm::log10(wanted + 1e-4)).abs();
            // Among those that nobody exceeds, the lowest sees the most.
            let Some(at) = (0..left.len()).min_by(|a, b| far(left[*a]).total_cmp(&far(left[*b])))
            else {
                break;
            };
            chosen.push(left.remove(at));
        }
        chosen.sort_unstable();
        let far = |i: usize| (libm::log10(share(i) + 1e-4) - libm::log10(SHOWN + 1e-4)).abs();
        let nearest = (0..chosen.len()).min_by(|a, b| far(chosen[*a]).total_cmp(&far(chosen[*b])));
        self.shown = nearest.unwrap_or_default();
        self.bounds = chosen.into_iter().map(|i| Bound::new(look.slower[i].than)).collect();
    }

    /// Evidence of harm, natural logarithm: the average over the bounds.
    pub(super) fn log_harm(&self, rules: &Rules) -> f64 {
        if self.bounds.is_empty() {
            return 0.0;
        }
        let logs: Vec<f64> = self.bounds.iter().map(|bound| bound.log_harm(rules)).collect();
        log_sum(&logs) - libm::log(logs.len() as f64)
    }

    /// What the step `ahead` in `margins` must exclude, and the evidence that it is.
    pub(super) fn gate(&self, input: &LookInput) -> Option<(f64, f64)> {
        let margin = input.margins(USUAL_PART * self.usual?).next()?;
        Some((margin, self.gates.log_excluded(margin)))
    }

    pub(super) fn weight_changed(&mut self) {
        self.step = Tally::default();
        self.bounds.iter_mut().for_each(|bound| bound.step = (0, 0));
    }

    pub(super) fn next_life(&mut self) {
        self.gates = Gates::default();
        for bound in &mut self.bounds {
            bound.bets.next_life();
            let bets = std::mem::take(&mut bound.bets);
            *bound = Bound { bets, step: bound.step, ..Bound::new(bound.than) };
        }
    }

    /// The bound with the most evidence where there is any, else the shown one: seconds, counts of the step and since harm
    /// began.
    pub(super) fn told(&self, rules: &Rules) -> Option<Told> {
        let guilty =
            self.bounds.iter().max_by(|a, b| a.log_harm(rules).total_cmp(&b.log_harm(rules)))?;
        let shown = self.bounds.get(self.shown)?;
        let bound = if guilty.log_harm(rules) > libm::log(10.0) { guilty } else { shown };
        let counts = |(canary, baseline): (u64, u64), slow: (u64, u64)| Counts {
            canary_requests: canary,
            canary_failures: slow.0,
            baseline_requests: baseline,
            baseline_failures: slow.1,
        };
        let step = self.step.counts.requests();
        Some(Told {
            than: bound.than,
            step: counts((step.canary, step.baseline), bound.step),
            since: Some(bound.since).filter(|counts| !counts.is_empty()),
            dispersion: bound.bets.baseline.dispersion(),
            rate: bound.bets.baseline.rate(),
            held_to: bound.bets.held_to(),
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bounds.len() * size_of::<Bound>() + self.gates.heap_bytes()
    }

    pub(super) fn step(&self) -> &Tally {
        &self.step
    }
}

/// What people are told of a histogram: one bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub than: f64,
    pub step: Counts,
    pub since: Option<Counts>,
    pub dispersion: f64,
    pub rate: f64,
    pub held_to: Option<f64>,
}

impl Bound {
    fn new(than: f64) -> Self {
        Self {
            than,
            bets: Comparison::default(),
            score: 0.0,
            since: Counts::default(),
            step: (0, 0),
            life: 0,
        }
    }

    fn of(&self, look: &Histogram) -> Option<Counts> {
        let at = look.slower.iter().position(|slower| slower.than == self.than)?;
        look.counts(at)
    }

    fn take(&mut self, rules: &Rules, criterion: &Criterion, input: &LookInput, counts: &Counts) {
        self.step.0 = self.step.0.saturating_add(counts.canary_failures);
        self.step.1 = self.step.1.saturating_add(counts.baseline_failures);
        self.life = self.life.saturating_add(counts.canary_failures);
        if let Some(ratio) = self.bets.take(rules, criterion.tolerate.as_ref(), input, counts) {
            self.date(ratio, counts);
        }
    }

    fn date(&mut self, log_ratio: f64, counts: &Counts) {
        self.score = (self.score + log_ratio).max(0.0);
        if self.score > 0.0 { self.since.add(counts) } else { self.since = Counts::default() }
    }

    fn log_harm(&self, rules: &Rules) -> f64 {
        let log = self.bets.harm.log_evidence();
        if self.life >= rules.min_failures { log } else { log.min(0.0) }
    }
}
