//! Tidegate: progressive rollouts that open step by step and shut by themselves when the tide turns.
//!
//! Read in this order: [`domain`] (the words), [`judge`] (is the canary worse?), [`flags`] (who is on which side),
//! [`plan`] (what was asked for), [`engine`] (what an event means), all of them pure; then [`store`], [`traffic`] and
//! [`metrics`] (what survives, what moves, what is counted), [`scheduler`] (moving every rollout), [`api`], [`server`]
//! and [`cli`] (how people and programs reach it). [`clock`] alone reads time. The map: docs/ARCHITECTURE.md.

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
