//! Kinds of numbers, as far as the rules of their checks go.

use super::model::Numbers;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Requests or users, and how many of them failed.
    Failures,
    /// Requests by how long they took.
    Slowness,
    Values,
    Level,
}

impl Numbers {
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Route | Self::Push | Self::Counters { .. } => Family::Failures,
            Self::Histogram { .. } | Self::Latency => Family::Slowness,
            Self::Values { .. } => Family::Values,
            Self::Gauge { .. } => Family::Level,
        }
    }
}

impl Family {
    /// As messages name it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Slowness => "slow requests",
            Self::Values => "values",
            Self::Level => "levels",
        }
    }
}
