//! One function an operation: parse, call, show.

pub(super) mod admin;
pub(super) mod commands;
pub(super) mod events;
pub(super) mod find;
pub(super) mod health;
pub(super) mod looks;
pub(super) mod observations;
pub(super) mod plans;
pub(super) mod rollouts;
pub(super) mod routes;
