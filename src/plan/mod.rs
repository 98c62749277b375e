//! What was asked for: routes and plans, validated.
//!
//! Owns: the text of a file -> [`Route`]s and [`Plan`]s or every problem with its place and mend; change windows;
//! warnings; the JSON schema; filling a plan's inputs in.
//! Does not: read files, run anything, or know what is stored.

mod arm;
mod capability;
mod family;
mod fields;
mod fill;
mod foretold;
mod keys;
mod keys_checks;
mod keys_plan;
mod keys_route;
mod lint;
mod lint_checks;
mod model;
mod near;
mod planning;
mod problem;
mod program;
mod read_checks;
mod read_limits;
mod read_numbers;
mod read_plan;
mod read_route;
mod read_segments;
mod read_steps;
mod reader;
mod references;
mod scalar;
mod schema;
mod shape;
mod shared;
mod tolerance;
mod window;
mod yaml;

pub use arm::arm_query;
pub use capability::Abilities;
pub use fill::{RUNTIME_NAMES, fill, fill_json, fill_url};
pub use lint::{Finding, Foretold, forecasts, lint, lint_all, lint_with};
pub use model::*;
pub use planning::{FAULTS, FaultForecast, Forecast, Instead, StepForecast, forecast};
pub use problem::{Problem, Severity, Snippet};
pub use program::program;
pub use reader::{Body, Document, LARGEST, Read, SourceFile, read};
pub use schema::schema;
pub use window::spread;

#[cfg(test)]
mod tests;
