//! What the API says and hears, as JSON. The CLI and the pages read exactly these types.
//!
//! Owns: names, units and shape of every field; they are kept stable.
//! Does not: decide or word anything; [`super::present`] makes views from what is stored.
//!
//! Units are in the names: `_ppm` parts per million (1 % is 10,000), `_seconds` and `_ms`, `_at` an instant in UTC.
//! A share (`_rate`, `share`) is 0 to 1. Evidence is odds against the canary: 111.0 means 111 : 1.

mod body;
mod common;
mod look;
mod plan;
mod rollout;
mod route;

pub use body::*;
pub use common::*;
pub use look::*;
pub use plan::*;
pub use rollout::*;
pub use route::*;
