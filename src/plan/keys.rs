//! How keys are described: the one description behind the reader, its suggestions and the JSON schema.
//! The keys themselves are in `keys_plan`, `keys_checks` and `keys_route`.

use super::keys_checks::{CHECK, LIMITS};
use super::keys_plan::{GATE, HOOK_STEP, ON_SILENCE, PLAN, SHIFT, WINDOW};
use super::keys_route::{ARM, FLAG_SPLIT, HAPROXY, PULL, QUERIES, ROUTE, TRAFFIC};

/// What a value may look like.
#[derive(Debug)]
pub(super) enum Kind {
    /// Any text, as written.
    Text,
    Name,
    /// `5%`
    Percent,
    /// `0.5pp`
    Points,
    /// `1.1x + 0.05pp`, `0.5%`, `1.1x + 20`
    Tolerance,
    /// A number in the unit of whatever it is compared with, from 0.
    Amount,
    /// The same, or `2x before`.
    Above,
    /// `90s`, `1h30m`, not shorter or longer than this many seconds.
    Length {
        least: u64,
        most: u64,
    },
    Whole {
        least: u64,
        most: u64,
    },
    /// A positive number of requests per second.
    Rate,
    Cron,
    Zone,
    Url,
    /// A label or attribute name: letters, digits and `_`.
    Label,
    Word {
        now: &'static [&'static str],
        later: &'static [&'static str],
    },
    /// Any YAML, kept as JSON.
    Json,
    /// An empty mapping `{}`.
    Empty,
    List {
        of: &'static Kind,
        least: usize,
        most: usize,
    },
    /// Keys of the writer's own choice.
    Named {
        of: &'static Kind,
        what: &'static str,
    },
    Map(&'static Table),
    /// A mapping of one of these shapes, told apart by their first keys.
    OneOf {
        what: &'static str,
        tables: &'static [&'static Table],
    },
    /// Alternatives that differ in being a value, a list or a mapping.
    Either(&'static [Kind]),
}

#[derive(Debug)]
pub(super) struct Table {
    /// With its article: "a plan".
    pub title: &'static str,
    pub keys: &'static [Key],
}

#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    pub need: Need,
    pub kind: Kind,
    pub about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Must,
    May,
    /// Known to the language, not to this version: refused by name instead of as a mistake.
    Later,
}

pub(super) const fn must(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, need: Need::Must, kind, about }
}

pub(super) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, need: Need::May, kind, about }
}

pub(super) const fn later(name: &'static str, about: &'static str) -> Key {
    Key { name, need: Need::Later, kind: Kind::Json, about }
}

impl Table {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}

pub(super) const YEARS: u64 = 10 * 366 * 86_400;
pub(super) const DAY: u64 = 86_400;
pub(super) const LENGTH: Kind = Kind::Length { least: 0, most: YEARS };
pub(super) const NAMES: Kind = Kind::List { of: &Kind::Name, least: 1, most: 100 };

/// Every table, to say where a misplaced key belongs.
pub(super) fn all() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().chain(&LIMITS).copied()
}

static TABLES: &[&Table] = &[
    &PLAN,
    &ROUTE,
    &HAPROXY,
    &PULL,
    &FLAG_SPLIT,
    &ARM,
    &QUERIES,
    &TRAFFIC,
    &WINDOW,
    &SHIFT,
    &GATE,
    &HOOK_STEP,
    &CHECK,
    &ON_SILENCE,
];
