//! Comparing canary with baseline.
//!
//! Owns: evidence + one look of numbers -> evidence and verdict; planning figures.
//! Does not: fetch samples (`metrics`), choose when to look (`scheduler`), or revert (`engine`).
//! Invariants: a canary that was never seen never passes; a healthy one is called a regression in at most `alpha` of
//! rollouts, however often one looks; logarithms and exponentials come from `libm`, so every machine gets the same bits.

mod band;
mod before;
mod compared;
mod counts;
mod criterion;
mod dispersion;
mod evidence;
mod gauge;
mod histogram;
mod history;
mod kept;
mod kinds;
mod limits;
mod look;
mod mixture;
mod noise;
mod normal;
mod numbers;
mod onset;
mod pack;
mod packed;
mod packed_numbers;
mod picture;
pub mod planning;
mod promotion;
mod reading;
mod rules;
mod sample_ratio;
mod shared;
mod values;
mod verdict;
pub mod words;
mod worse;

#[cfg(test)]
mod tests;

pub use band::{Band, band};
pub use before::{Amount, Before};
pub use counts::{Counts, Requests, Tally};
pub use criterion::{Criterion, Limit, LimitAction, LimitKind, Tolerance};
pub use dispersion::Baseline;
pub use evidence::Evidence;
pub use gauge::{By, Pair};
pub use kept::{Chunk, Kept, Recomputed};
pub use limits::Broken;
pub use look::{Judgement, LookInput, look};
pub use numbers::{Histogram, Numbers, Slower};
pub use pack::Malformed;
pub use picture::{Drawn, Picture};
pub use reading::Reading;
pub use rules::Rules;
pub use shared::Together;
pub use values::{Moments, Values};
pub use verdict::{
    Held, Means, Remaining, Senseless, Thin, Uncompared, Verdict, VerdictKind, What,
};
pub use worse::Worse;
