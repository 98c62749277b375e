//! The keys of a check and of its limits.

use super::keys::{DAY, Key, Kind, LENGTH, Table, may, must};
use super::keys_route::SOURCE;

/// A check, or `off` for one that Tidegate would put in by itself.
pub(super) const CHECK_OR_OFF: Kind =
    Kind::Either(&[Kind::Map(&CHECK), Kind::Word { now: &["off"], later: &[] }]);

pub(super) static CHECK: Table = Table {
    title: "a check",
    keys: &[
        may("tolerate", Kind::Tolerance, "How much worse is acceptable, such as 1.1x + 0.05pp"),
        may("failures", Kind::Text, "A counter of its own of failed requests, with {$arm}"),
        may("requests", Kind::Text, "A counter of its own of all requests, with {$arm}"),
        may(
            "histogram",
            Kind::Text,
            "How long requests take: NAME_bucket{$arm}, or latency_ms of `source: push`",
        ),
        may(
            "value",
            Kind::Text,
            "A level: PromQL with {$arm}; or of `source: push` the name of a number an event",
        ),
        may("source", SOURCE, "Who answers (default: prometheus)"),
        may(
            "worse",
            Kind::Word { now: &["higher", "lower"], later: &[] },
            "Which direction of a `value` is harm (default: higher)",
        ),
        may(
            "of",
            Kind::Word { now: &["both"], later: &[] },
            "Both arms together, against the hour before the shift",
        ),
        may(
            "unit",
            Kind::Word { now: &["request", "user"], later: &[] },
            "What is counted as one, for `source: push` (default: request)",
        ),
        may(
            "late",
            Kind::Length { least: 1, most: 7 * DAY },
            "How long after a request its outcome may still come",
        ),
        may(
            "limit",
            Kind::Either(&[LIMIT, Kind::List { of: &LIMIT, least: 1, most: 10 }]),
            "A plain threshold, outside the statistics",
        ),
    ],
};

const LIMIT: Kind = Kind::OneOf { what: "limit", tables: &LIMITS };

/// One shape a threshold, so that a limit is exactly one.
pub(super) static LIMITS: [&Table; 9] = [
    &ERRORS_ABOVE,
    &SUCCESS_BELOW,
    &P50_ABOVE,
    &P90_ABOVE,
    &P95_ABOVE,
    &P99_ABOVE,
    &P999_ABOVE,
    &ABOVE,
    &BELOW,
];

const fn limit(threshold: Key) -> [Key; 4] {
    const MIN_REQUESTS: Kind = Kind::Whole { least: 1, most: 1_000_000_000 };
    const THEN: Kind = Kind::Word { now: &["revert", "pause", "step-back"], later: &[] };
    [
        threshold,
        may("min_requests", MIN_REQUESTS, "Fewer in a look say nothing (default: 20)"),
        may("for", LENGTH, "How long it must be broken (default: one look)"),
        may("then", THEN, "What it does (default: revert; of both arms: pause)"),
    ]
}

const fn slower(key: &'static str, about: &'static str) -> [Key; 4] {
    limit(must(key, Kind::Length { least: 0, most: 3600 }, about))
}

static ERRORS_ABOVE: Table = Table {
    title: "a limit",
    keys: &limit(must("errors_above", Kind::Percent, "The canary's share of failures in a look")),
};
static SUCCESS_BELOW: Table = Table {
    title: "a limit",
    keys: &limit(must("success_below", Kind::Percent, "The canary's share of successes in a look")),
};
static P50_ABOVE: Table = Table {
    title: "a limit",
    keys: &slower("p50_above", "Half of the canary's requests in a look took longer"),
};
static P90_ABOVE: Table = Table {
    title: "a limit",
    keys: &slower("p90_above", "10 % of the canary's requests in a look took longer"),
};
static P95_ABOVE: Table = Table {
    title: "a limit",
    keys: &slower("p95_above", "5 % of the canary's requests in a look took longer"),
};
static P99_ABOVE: Table = Table {
    title: "a limit",
    keys: &slower("p99_above", "1 % of the canary's requests in a look took longer"),
};
static P999_ABOVE: Table = Table {
    title: "a limit",
    keys: &slower("p999_above", "0.1 % of the canary's requests in a look took longer"),
};
static ABOVE: Table = Table {
    title: "a limit",
    keys: &limit(must("above", Kind::Above, "The canary's value, or of both arms `2x before`")),
};
static BELOW: Table = Table {
    title: "a limit",
    keys: &limit(must("below", Kind::Amount, "The canary's value in a look")),
};
