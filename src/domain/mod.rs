//! The words every other module speaks: shares, times, names, actors, reasons.
//!
//! Owns: small value types whose constructors refuse what cannot be.
//! Does not: read clocks, files or networks, or know of plans, rollouts or stores.

mod actor;
mod name;
mod reason;
mod segment;
mod time;
mod weight;

pub use actor::{Actor, ActorKind};
pub use name::{Name, NameError, RolloutName};
pub use reason::{Doubt, Reason, reasoned};
pub use segment::{Override, Segment};
pub use time::{Timestamp, human, parse_duration};
pub use weight::{Share, Weight, WeightError};

use serde::{Deserialize, Serialize};

/// One of the two places a route can send a request to. A proxy knows sides, never arms:
/// which side is baseline and which canary changes with every completed rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    A,
    B,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Position in a two-element table of sides.
    pub fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// The part a side plays in one rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    Baseline,
    Canary,
}

/// The fencing number of a route: rises with every change of its split, and an older one never takes effect over a newer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub i64);

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
