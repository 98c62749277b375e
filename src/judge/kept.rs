//! Raw looks, kept small, and what they come to when they are judged again.
//!
//! Owns: [`Kept`], everything one call of [`look`](super::look) was given; [`Chunk`], some of them as bytes; and
//! [`Recomputed`], the evidence they lead to, the same to the last bit.
//! Does not: say how long they are kept (`store`), or when one is made (`engine`).
//!
//! A chunk begins with its version and stands alone. What seldom changes (weights, harm, which checks compare) is
//! written when it does, counts as differences to the look before, floats by their bits.

use std::borrow::Borrow;

use super::pack::{Malformed, Reader, Writer};
use super::packed::Before;
use super::{Criterion, Evidence, Judgement, LookInput, Rules, look};
use crate::domain::Timestamp;

/// The first byte of a chunk.
const VERSION: u8 = 1;

/// One look as it was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its end, in the source's time.
    pub at: Timestamp,
    /// Of the evidence, before it.
    pub lives: u32,
    /// Which criteria compared: none in a warm-up, not those of a segment that was cut.
    pub compared: Vec<bool>,
    pub input: LookInput,
    /// Of the numbers that came out: tells which look is the first to come out otherwise.
    pub mark: u16,
}

/// Looks that follow each other, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub looks: u32,
    pub first: Timestamp,
    pub last: Timestamp,
    pub bytes: Vec<u8>,
}

impl Kept {
    /// `evidence`, `criteria` and `input` as the judge was given them, and what it said.
    pub fn new(
        at: Timestamp,
        evidence: &Evidence,
        criteria: &[Criterion],
        input: LookInput,
        judged: &Judgement,
    ) -> Self {
        let compared = criteria.iter().map(|criterion| criterion.tolerate.is_some()).collect();
        Self { at, lives: evidence.lives(), compared, input, mark: mark(judged) }
    }
}

/// Folds the logarithms people are told into 16 bits.
fn mark(judged: &Judgement) -> u16 {
    let of_checks = judged.readings.iter().flat_map(|r| [r.log_evidence, r.log_excluded]);
    let logs = of_checks.chain([judged.log_evidence]).map(|log| log.map_or(1, f64::to_bits));
    let all = logs.fold(0, |all: u64, bits| (all.rotate_left(5) ^ bits).wrapping_mul(FOLD));
    (all >> 48) as u16
}

/// Any odd number with many ones far apart: 2^64 over the golden ratio.
const FOLD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chunk {
    /// `None` without looks.
    pub fn of(looks: &[impl Borrow<Kept>]) -> Option<Self> {
        let (first, last) = (looks.first()?.borrow(), looks.last()?.borrow());
        let mut out = Writer::default();
        out.byte(VERSION);
        let mut before = Before::default();
        for look in looks {
            before.write(&mut out, look.borrow());
        }
        Some(Self {
            looks: u32::try_from(looks.len()).ok()?,
            first: first.at,
            last: last.at,
            bytes: out.into_bytes(),
        })
    }

    /// # Errors
    /// When the bytes are not those of as many looks.
    pub fn looks(&self) -> Result<Vec<Kept>, Malformed> {
        let mut bytes = Reader(&self.bytes);
        if bytes.byte()? != VERSION {
            return Err(Malformed);
        }
        let (mut before, mut looks) = (Before::default(), Vec::new());
        while !bytes.is_empty() {
            looks.push(before.read(&mut bytes)?);
        }
        if looks.len() == self.looks as usize { Ok(looks) } else { Err(Malformed) }
    }
}

/// Nobody says "go on" more often; bytes that do must not keep us busy.
const MOST_LIVES: u32 = 10_000;

/// The evidence that kept looks lead to, one after the other.
#[derive(Clone, Debug)]
pub struct Recomputed<'a> {
    rules: &'a Rules,
    criteria: &'a [Criterion],
    evidence: Evidence,
}

impl<'a> Recomputed<'a> {
    /// `start`: before the first of them.
    pub fn new(rules: &'a Rules, criteria: &'a [Criterion], start: Evidence) -> Self {
        Self { rules, criteria, evidence: start }
    }

    /// What comes out, and whether it is what came out then.
    pub fn take(&mut self, kept: &Kept) -> (Judgement, bool) {
        self.live(kept.lives);
        let mut criteria = self.criteria.to_vec();
        for (index, criterion) in criteria.iter_mut().enumerate() {
            if !kept.compared.get(index).is_some_and(|compared| *compared) {
                criterion.tolerate = None;
            }
        }
        let (evidence, judged) = look(self.rules, &criteria, &self.evidence, &kept.input);
        self.evidence = evidence;
        let same = mark(&judged) == kept.mark;
        (judged, same)
    }

    /// A person who said "go on" began a life between two looks, or after the last.
    fn live(&mut self, lives: u32) {
        for _ in self.evidence.lives()..lives.min(MOST_LIVES) {
            self.evidence.next_life();
        }
    }

    /// Whether this is the evidence stored, bit for bit.
    pub fn is(&mut self, stored: &Evidence) -> bool {
        self.live(stored.lives());
        // Text tells zeros apart, and one text is one float.
        let text = |e: &Evidence| serde_json::to_string(e).ok();
        text(&self.evidence) == text(stored)
    }

    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}
