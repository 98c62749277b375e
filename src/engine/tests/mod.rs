//! Timelines and what is journalled, laws one by one, and whatever chance thinks of.

mod laws;
mod play;
mod scenarios;
