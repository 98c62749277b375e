//! Moving every live rollout: looks, timers, confirmations, recovery.
//!
//! Owns: [`Core`], which decides what to do next and does no IO; [`Service`], the one way a decision becomes true;
//! the tokio adapter that joins them to clock, store, feed and sources.
//! Does not: decide what an event means (`engine`), or speak HTTP to people (`api`).

mod commit;
mod core;
mod looks;
mod outbox;
mod pushed;
mod run;
mod service;
mod slot;
mod starting;

#[cfg(test)]
mod tests;

pub use self::core::{Core, Input, Now, Op};
pub use run::{Running, run};
pub use service::{ApplyError, Change, Service};
pub use starting::{StartError, StartRequest};
