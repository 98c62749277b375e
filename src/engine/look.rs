//! From samples to a look: increments, warm-up, what earns time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sample::Point;
use crate::domain::{Generation, Timestamp};
use crate::judge::Evidence;

/// What the judge remembers of a rollout between looks: bounded, versioned, stored with the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub evidence: Evidence,
    /// The end of the last look in the sources' time.
    pub until: Option<Timestamp>,
    /// The split in force over the last look: a look that spans a change is not judged.
    pub generation: Generation,
    /// Looks since the canary first got traffic, the dropped ones too.
    pub looks: u64,
    /// The last point of every series, by ask and key.
    pub last: BTreeMap<String, Point>,
}
