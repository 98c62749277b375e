//! Which direction is harm, and the line between tolerated and harmful for numbers that are no counts.

use serde::{Deserialize, Serialize};

use super::Tolerance;

/// No line is steeper or farther off: beyond, squares would leave the floats.
const STEEPEST: f64 = 1e9;
const FARTHEST: f64 = 1e140;

/// Which direction is harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More is worse: a price, a duration, a queue.
    #[default]
    Higher,
    /// Less is worse: the value of an order.
    Lower,
}

/// The worst that is tolerated: `factor * baseline + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub factor: f64,
    pub offset: f64,
    pub worse: Worse,
}

impl Line {
    /// Up to `ratio * baseline + delta` where more is worse, down to `baseline / ratio - delta` where less is; a
    /// baseline below 0 turns the ratio round, so that it widens what is tolerated there, too. Ratio 0 makes `delta` an
    /// absolute limit in either direction. `unit` is what offsets are measured in. `None` for a tolerance that is none.
    pub fn new(tolerate: &Tolerance, worse: Worse, negative: bool, unit: f64) -> Option<Self> {
        let Tolerance { ratio, delta } = *tolerate;
        if !(ratio.is_finite() && ratio >= 0.0 && delta.is_finite()) {
            return None;
        }
        let upwards = (worse == Worse::Higher) != negative;
        let absolute = ratio == 0.0;
        let factor = if upwards || absolute { ratio } else { 1.0 / ratio };
        let signed = if worse == Worse::Higher || absolute { delta } else { -delta };
        let offset = (signed / unit).clamp(-FARTHEST, FARTHEST);
        Some(Self { factor: factor.min(STEEPEST), offset, worse })
    }

    /// How far the canary is on the harmful side; below 0 on the other.
    pub fn excess(&self, canary: f64, baseline: f64) -> f64 {
        let above = canary - self.factor * baseline - self.offset;
        match self.worse {
            Worse::Higher => above,
            Worse::Lower => -above,
        }
    }
}
