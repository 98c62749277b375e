//! Timelines and what is journalled, laws one by one, and whatever chance thinks of.

mod invariants;
mod laws;
mod play;
mod random;
mod scenarios;
