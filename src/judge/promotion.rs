//! The evidence of health: how surely a canary excludes the harm that the next step would put at risk.
//!
//! The mirror of `mixture`: the null is `canary >= baseline + margin`, the alternatives are "as the baseline" and
//! "somewhat better". No cash and no dealing anew: a step must earn its opening with what was seen.

use libm::log;
use serde::{Deserialize, Serialize};

use super::Tolerance;
use super::mixture::{Arms, Rates, cap, log_ratio, log_sum};

/// Canary's rate as a multiple of the baseline's in either alternative, and the bet on it.
const ALTERNATIVES: [(f64, f64); 2] = [(1.0, 0.75), (0.7, 0.25)];
/// More evidence than `100/beta` is not kept, so that a late regression closes the gate soon.
const KEPT: f64 = 100.0;

/// Evidence that the canary's failure rate is less than `margin` above the baseline's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    margin: f64,
    log_wealth: [f64; 2],
}

/// One gate for each margin still ahead; those passed are forgotten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gates(Vec<Gate>);

impl Gates {
    /// Takes one look in, for the `margins` still ahead. NaN opens nothing.
    pub(super) fn update(
        &mut self,
        margins: impl Iterator<Item = f64> + Clone,
        arms: &Arms,
        baseline_rate: f64,
        dispersion: f64,
        beta: f64,
    ) {
        self.0.retain(|gate| margins.clone().any(|margin| margin == gate.margin()));
        for margin in margins {
            if !margin.is_nan() && self.gate(margin).is_none() {
                self.0.push(Gate::new(margin));
            }
        }
        for gate in &mut self.0 {
            gate.update(arms, baseline_rate, dispersion, beta);
        }
    }

    /// Evidence that `margin` is excluded, natural logarithm; 0 for one that was never asked of.
    pub(super) fn log_excluded(&self, margin: f64) -> f64 {
        self.gate(margin).map_or(0.0, Gate::log_evidence)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.len() * size_of::<Gate>()
    }

    fn gate(&self, margin: f64) -> Option<&Gate> {
        self.0.iter().find(|gate| gate.margin() == margin)
    }
}

impl Gate {
    /// `margin` is an excess failure rate, a share of requests above 0.
    pub(super) fn new(margin: f64) -> Self {
        Self { margin, log_wealth: ALTERNATIVES.map(|(_, bet)| log(bet)) }
    }

    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// Natural logarithm of the evidence; the gate is open from `ln(1/beta)` on, at this look only.
    pub fn log_evidence(&self) -> f64 {
        log_sum(&self.log_wealth)
    }

    /// Takes one look in; `baseline_rate` and `dispersion` come from earlier looks only.
    pub(super) fn update(&mut self, arms: &Arms, baseline_rate: f64, dispersion: f64, beta: f64) {
        let null = Tolerance { ratio: 1.0, delta: self.margin };
        if !arms.can_speak(&null) {
            return;
        }
        for (wealth, (multiple, _)) in self.log_wealth.iter_mut().zip(ALTERNATIVES) {
            let alternative = Rates { canary: multiple * baseline_rate, baseline: baseline_rate };
            *wealth += log_ratio(arms, alternative, &null) / dispersion;
        }
        cap(&mut self.log_wealth, log(KEPT / beta));
    }
}
