//! What was asked for: routes and plans, validated.
//!
//! Owns: the text of a file -> [`Route`]s and [`Plan`]s or every problem with its place and mend.
//! Does not: read files, or run anything.

mod model;

pub use model::*;
