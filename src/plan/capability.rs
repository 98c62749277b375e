//! The one table of what splitters and sources can do.

use super::model::{Count, Splitter};

/// What a splitter is able to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The word for it in a plan.
    pub word: &'static str,
    /// We set its weight. Where not, a revert is only journalled.
    pub moves_traffic: bool,
    /// Instances acknowledge a weight by polling.
    pub acknowledges: bool,
    /// It counts requests per side by itself.
    pub counts: bool,
    /// Its two sides are places of their own that swap on completion.
    pub has_sides: bool,
}

impl Splitter {
    pub fn abilities(&self) -> Abilities {
        let row = |word, moves_traffic, acknowledges, counts, has_sides| Abilities {
            word,
            moves_traffic,
            acknowledges,
            counts,
            has_sides,
        };
        match self {
            Self::Haproxy { .. } => row("haproxy", true, true, true, true),
            Self::Pull { .. } => row("pull", true, true, false, false),
            Self::Flag { .. } => row("flag", true, false, false, false),
            Self::Observe => row("observe", false, false, false, false),
        }
    }
}

pub(super) fn count_word(count: &Count) -> &'static str {
    match count {
        Count::Haproxy => "haproxy",
        Count::Push => "push",
        Count::Queries { .. } => "{ failures, requests }",
    }
}

/// # Errors
/// What to write instead, when this splitter cannot be counted so.
pub(super) fn can_count(split: &Splitter, count: &Count) -> Result<(), &'static str> {
    match count {
        Count::Haproxy if !split.abilities().counts => {
            Err("write `count: push` or `count: { failures: …{$arm}, requests: …{$arm} }`")
        }
        Count::Haproxy | Count::Push | Count::Queries { .. } => Ok(()),
    }
}
