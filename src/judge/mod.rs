//! Comparing canary with baseline.
//!
//! Owns: evidence + one look of numbers -> evidence and verdict; planning figures.
//! Does not: fetch samples (`metrics`), choose when to look (`scheduler`), or revert (`engine`).

mod criterion;

pub use criterion::{Limit, LimitAction, LimitKind, Tolerance};
