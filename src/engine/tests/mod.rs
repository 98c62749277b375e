//! Timelines and what is journalled, laws one by one, and whatever chance thinks of.

mod asks;
mod cuts;
mod increments;
mod invariants;
mod kinds;
mod laws;
mod learning;
mod looks;
mod play;
mod random;
mod scenarios;
