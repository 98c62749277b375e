//! Which variant one unit gets.
//!
//! Owns: the bucket of a unit, and the answer for a split with the reason for it.
//! Does not: know of routes, HTTP or who asks; `traffic` serves the answers.
//! Invariant: at 0 % nobody gets the canary, at 100 % everybody, and without a unit nobody below 100 %.

mod bucket;
mod evaluate;

pub use bucket::{HASH, bucket};
pub use evaluate::{Answer, Split, Why, evaluate, own_share};
