//! What one event means for a rollout.
//!
//! Owns: (program, state, event, now) -> next state, journal entries, effects; the laws; samples -> look.
//! Does not: read clocks, wait, call anybody, or store. All of it is pure and total.

mod look;
mod sample;
mod state;

pub use look::Memory;
pub use sample::{Answer, Ask, Counter, From, Point, Series, Trouble, TroubleKind};
pub use state::{
    Command, Effect, Entry, Event, Finding, Latch, Look, Phase, State, Transition, Wish,
};
