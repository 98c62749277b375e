//! The keys of a route.

use super::keys::{Key, Kind, NAMES, Table, may, must};

pub(super) static ROUTE: Table = Table { title: "a route", keys: &ROUTE_KEYS };

/// A route inside its plan, named like it.
pub(super) static INLINE_ROUTE: Table = Table { title: "a route", keys: ROUTE_KEYS.split_at(1).1 };

static ROUTE_KEYS: [Key; 9] = [
    must("route", Kind::Name, "What the route is called"),
    may("labels", LABELS, "For scoping and searching"),
    must("split", SPLIT, "Who moves the traffic"),
    may("arm", Kind::Map(&ARM), "How the arms are told apart in numbers (default: label version)"),
    may("count", COUNT, "Where requests and failures per arm are counted"),
    may("serves", Kind::Text, "The version it serves before its first rollout"),
    may("used_by", NAMES, "Routes this one can hurt"),
    may("dashboard", Kind::Url, "A link; $from and $to are filled in"),
    may("traffic", Kind::Map(&TRAFFIC), "The usual load, for warnings only"),
];

const LABELS: Kind = Kind::Named { of: &Kind::Text, what: "label" };
const SPLIT: Kind = Kind::OneOf {
    what: "split",
    tables: &[&HAPROXY_SPLIT, &PULL_SPLIT, &FLAG_SPLIT, &OBSERVE_SPLIT],
};
const COUNT: Kind =
    Kind::Either(&[Kind::Word { now: &["haproxy", "push"], later: &[] }, Kind::Map(&QUERIES)]);
pub(super) const SOURCE: Kind = Kind::Either(&[
    Kind::Word { now: &["prometheus", "push"], later: &[] },
    Kind::OneOf { what: "source", tables: &[&PROMETHEUS, &SCRAPE] },
]);
const INSTANCES: Kind = Kind::Whole { least: 1, most: 10_000 };

static HAPROXY_SPLIT: Table = Table {
    title: "a split",
    keys: &[must("haproxy", Kind::Map(&HAPROXY), "Backends of a HAProxy that polls us")],
};
pub(super) static HAPROXY: Table = Table {
    title: "a haproxy split",
    keys: &[
        must("instances", INSTANCES, "How many proxies must follow before a weight counts"),
        must(
            "sides",
            Kind::List { of: &Kind::Text, least: 2, most: 2 },
            "The two backends; completing a rollout swaps their parts",
        ),
    ],
};
static PULL_SPLIT: Table = Table {
    title: "a split",
    keys: &[must("pull", Kind::Map(&PULL), "Any program that polls us")],
};
pub(super) static PULL: Table = Table {
    title: "a pull split",
    keys: &[
        must("instances", INSTANCES, "How many pollers must follow before a weight counts"),
        may("unit", Kind::Label, "What is hashed, for people who read the plan"),
    ],
};
pub(super) static FLAG_SPLIT: Table = Table {
    title: "a split",
    keys: &[
        must("flag", Kind::Name, "The flag of the built-in service"),
        may("unit", Kind::Label, "The context attribute that is bucketed (default: targetingKey)"),
    ],
};
static OBSERVE_SPLIT: Table = Table {
    title: "a split",
    keys: &[must("observe", Kind::Empty, "Somebody else moves the traffic: we judge and journal")],
};
pub(super) static ARM: Table = Table {
    title: "an arm",
    keys: &[
        must("label", Kind::Label, "In queries {$arm} becomes label=\"value\""),
        may("baseline", Kind::Text, "Its fixed value, where arms are not named by version"),
        may("canary", Kind::Text, "Its fixed value, where arms are not named by version"),
    ],
};
pub(super) static QUERIES: Table = Table {
    title: "a count",
    keys: &[
        must("failures", Kind::Text, "A counter of failed requests, with {$arm}"),
        must("requests", Kind::Text, "A counter of all requests, with {$arm}"),
        may("source", SOURCE, "Who answers (default: prometheus)"),
    ],
};
static PROMETHEUS: Table = Table {
    title: "a source",
    keys: &[must("prometheus", Kind::Name, "A server by its name in Tidegate's configuration")],
};
static SCRAPE: Table = Table {
    title: "a source",
    keys: &[must(
        "scrape",
        Kind::List { of: &Kind::Url, least: 1, most: 1000 },
        "Addresses of /metrics pages",
    )],
};
pub(super) static TRAFFIC: Table = Table {
    title: "traffic",
    keys: &[
        must("rps", Kind::Rate, "Requests per second in all"),
        must("failures", Kind::Percent, "The usual share of failures"),
    ],
};
