//! Looks on their way to the store.
//!
//! Invariant: the looks stored, and then these, are all that the evidence has taken in since the first, each once.
//! They go wherever their evidence goes: one write stores both, and a write that is refused stores neither.

use std::sync::Arc;

use super::look::Memory;
use crate::judge::{Evidence, Kept};

/// What the evidence has taken in since it was last stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unkept {
    /// The evidence before the first look of all, if that is among them.
    start: Option<Arc<Evidence>>,
    looks: Vec<Arc<Kept>>,
}

impl Unkept {
    /// So many that they should be stored soon: a beat of one second comes to 60 between two flushes.
    const MANY: usize = 256;

    pub fn start(&self) -> Option<&Evidence> {
        self.start.as_deref()
    }

    /// Oldest first.
    pub fn looks(&self) -> &[Arc<Kept>] {
        &self.looks
    }

    pub fn are_many(&self) -> bool {
        self.looks.len() >= Self::MANY
    }
}

impl Memory {
    /// Remembers a look that is about to be taken in: the evidence is still the one before it.
    pub fn keep(&mut self, look: Kept) {
        if self.judged == 0 {
            self.unkept.start = Some(Arc::new(self.evidence.clone()));
        }
        self.judged += 1;
        self.unkept.looks.push(Arc::new(look));
    }

    /// Of the first look that is not stored, from 1; without one, of the next.
    pub fn first_unkept(&self) -> u64 {
        (self.judged + 1).saturating_sub(self.unkept.looks.len() as u64)
    }

    /// The same once it is stored.
    pub fn stored(self) -> Self {
        Self { unkept: Unkept::default(), ..self }
    }
}
