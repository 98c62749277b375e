//! Tidegate: progressive rollouts that open step by step and shut by themselves when the tide turns.
//!
//! Read in this order: [`domain`] (the words), [`judge`] (is the canary worse?), [`plan`] (what was asked for).

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod flags;
pub mod judge;
pub mod metrics;
pub mod plan;
pub mod scheduler;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod traffic;
