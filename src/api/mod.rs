//! The service over HTTP.
//!
//! Owns: REST under `/api/v1`, server-sent changes, the OpenAPI document, tokens and roles, problem details.
//! Does not: decide, store or move traffic: a handler reads, calls one function, and shows a view.

pub mod present;
pub mod views;
