//! The one table of what splitters and sources can do.

use super::model::{Count, Splitter};

/// What a splitter is able to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// We set its weight. Where not, a revert is only journalled.
    pub moves_traffic: bool,
    /// Its instances follow by polling, and each acknowledges what it serves.
    pub has_instances: bool,
    /// It counts requests and failures per side by itself.
    pub counts: bool,
    /// It can send one segment back and leave the others.
    pub segments: bool,
}

impl Splitter {
    pub fn abilities(&self) -> Abilities {
        let row = |moves_traffic, has_instances, counts, segments| Abilities {
            moves_traffic,
            has_instances,
            counts,
            segments,
        };
        match self {
            Self::Haproxy { .. } => row(true, true, true, false),
            Self::Pull { .. } => row(true, true, false, true),
            Self::Flag { .. } => row(true, false, false, true),
            Self::Observe => row(false, false, false, false),
        }
    }

    /// As plans and lists name it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Haproxy { .. } => "haproxy",
            Self::Pull { .. } => "pull",
            Self::Flag { .. } => "flag",
            Self::Observe => "observe",
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
