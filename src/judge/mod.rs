//! Comparing canary with baseline.
//!
//! Owns: evidence + one look of numbers -> evidence and verdict; planning figures.
//! Does not: fetch samples (`metrics`), choose when to look (`scheduler`), or revert (`engine`).

mod criterion;

pub use criterion::{Limit, LimitAction, LimitKind, Tolerance};

/// Placeholder until the judge lands.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evidence {}
