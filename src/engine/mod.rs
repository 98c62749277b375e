//! What one event means for a rollout.
//!
//! Owns: (program, state, event, now) -> next state, journal entries, effects; the laws; samples -> look.
//! Does not: read clocks, wait, call anybody, or store. All of it is pure and total.

mod apart;
mod asks;
mod buckets;
mod commands;
mod criteria;
mod cuts;
mod draft;
mod due;
mod increments;
mod invariants;
mod look;
mod looked;
mod sample;
mod start;
mod state;
mod step_back;
mod steps;
mod sums;
mod transition;
mod unkept;

#[cfg(test)]
mod tests;

pub use asks::asks;
pub use criteria::{criteria, rules};
pub use cuts::overrides;
pub use due::due;
pub use invariants::invariants;
pub use look::{Learned, Memory, learn, weigh};
pub use sample::{
    Answer, Ask, Counter, From, Past, Point, Pushed, Replicas, Series, Trouble, TroubleKind,
    histogram_key,
};
pub use start::initial;
pub use state::{
    Command, Cut, Effect, Entry, Event, Finding, Latch, Look, Phase, State, SteppedBack,
    Transition, Wish,
};
pub use transition::{decide, transition};
pub use unkept::Unkept;
