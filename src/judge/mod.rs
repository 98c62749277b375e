//! Comparing canary with baseline.
//!
//! Owns: evidence + one look of numbers -> evidence and verdict; planning figures.
//! Does not: fetch samples (`metrics`), choose when to look (`scheduler`), or revert (`engine`).
//! Invariants: a canary that was never seen never passes; a healthy one is called a regression in at most `alpha` of
//! rollouts, however often one looks; logarithms and exponentials come from `libm`, so every machine gets the same bits.

mod counts;
mod criterion;
mod dispersion;
mod evidence;
#[cfg_attr(not(test), expect(dead_code, reason = "the looks of the judge do not carry it yet"))]
mod gauge;
mod limits;
mod look;
mod mixture;
mod noise;
mod normal;
mod onset;
pub mod planning;
mod promotion;
mod rules;
mod sample_ratio;
#[cfg_attr(not(test), expect(dead_code, reason = "the looks of the judge do not carry it yet"))]
mod values;
mod verdict;
pub mod words;
mod worse;

#[cfg(test)]
mod tests;

pub use counts::{Counts, Requests, Tally};
pub use criterion::{Criterion, Limit, LimitAction, LimitKind, Tolerance};
pub use evidence::Evidence;
pub use gauge::{GaugeEvidence, Mode, Pair};
pub use limits::Broken;
pub use look::{Judgement, LookInput, Reading, look};
pub use rules::Rules;
pub use values::{Moments, Values, ValuesEvidence};
pub use verdict::{Remaining, Senseless, Thin, Uncompared, Verdict, VerdictKind};
pub use worse::Worse;
