//! The journal's hash chain: a line cannot be changed, dropped or put in without breaking every later one.
//!
//! Owns: the hash of one line, and the check of a whole journal.

use super::{JournalEnd, JournalLine};
use crate::domain::RolloutName;
use crate::engine::Entry;

/// What line 1 chains to.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// BLAKE3 over the rollout's name, the line's number, the hash before and the entry as JSON (keys in their fixed order).
///
/// # Errors
/// When the entry's detail cannot be written as JSON; no detail the engine makes is like that.
pub fn hash(
    name: &RolloutName,
    seq: i64,
    prev: &str,
    entry: &Entry,
) -> Result<String, serde_json::Error> {
    let mut hasher = blake3::Hasher::new();
    for part in [name.to_string().as_bytes(), &seq.to_be_bytes(), prev.as_bytes()] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(&serde_json::to_vec(entry)?);
    Ok(hasher.finalize().to_hex().to_string())
}

/// The first thing wrong with a journal, in words.
///
/// # Errors
/// The number of the first bad line and what is wrong with it.
pub fn verify(name: &RolloutName, lines: &[JournalLine]) -> Result<(), String> {
    let mut prev = GENESIS.to_owned();
    for (line, expected) in lines.iter().zip(1..) {
        let seq = line.seq;
        if seq != expected {
            return Err(format!("{name}: line {expected} is missing, line {seq} stands there"));
        }
        if line.prev != prev {
            return Err(format!("{name}: line {seq} does not follow from line {}", seq - 1));
        }
        let hash = hash(name, seq, &prev, &line.entry)
            .map_err(|e| format!("{name}: line {seq} cannot be hashed: {e}"))?;
        if hash != line.hash {
            return Err(format!("{name}: line {seq} was changed after it was written"));
        }
        prev = hash;
    }
    Ok(())
}

/// The first thing wrong with a journal, its end included: a chain alone still holds when its last lines are cut off.
/// `end` was read before `lines`, which may have grown since.
///
/// # Errors
/// As [`verify`], or that the last line the rollout wrote is not there.
pub fn verify_to(end: &JournalEnd, lines: &[JournalLine]) -> Result<(), String> {
    let JournalEnd { name, seq, hash } = end;
    verify(name, lines)?;
    match lines.iter().find(|line| line.seq == *seq) {
        Some(line) if line.hash == *hash => Ok(()),
        Some(_) => Err(format!("{name}: line {seq} is not the one that its rollout wrote")),
        None => Err(format!("{name}: it ends after line {}, line {seq} was cut off", lines.len())),
    }
}
