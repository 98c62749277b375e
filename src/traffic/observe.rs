//! Routes whose traffic somebody else moves.
//!
//! Owns: what that means for a split: there is nobody to wait for, and nobody is told.
//! Does not: undo anything (L12). The wish is what we would have done, and is journalled as that.

use super::split::Wished;
use crate::plan::Splitter;

/// How many instances must have been heard of before a raise counts. `None`: nobody carries the split away from here,
/// so it is in force as soon as it is published.
pub(super) fn awaited(wished: &Wished) -> Option<u32> {
    match wished.splitter {
        Splitter::Haproxy { instances, .. } | Splitter::Pull { instances, .. } => Some(instances),
        Splitter::Flag { .. } | Splitter::Observe => None,
    }
}

/// Whether anybody may be told the split. A proxy that polled an observed route by mistake would begin to follow us.
pub(super) fn is_told(wished: &Wished) -> bool {
    !matches!(wished.splitter, Splitter::Observe)
}
