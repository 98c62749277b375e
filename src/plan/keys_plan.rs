//! The keys of a plan.

use super::keys::{DAY, Kind, LENGTH, Table, YEARS, later, may, must};
use super::keys_checks::CHECK_OR_OFF;
use super::keys_route::INLINE_ROUTE;

pub(super) static PLAN: Table = Table {
    title: "a plan",
    keys: &[
        must("plan", Kind::Name, "What the plan is called; its rollouts are NAME#1, NAME#2 …"),
        must(
            "route",
            Kind::Either(&[Kind::Name, Kind::Map(&INLINE_ROUTE)]),
            "The route it moves: a name, or the route itself",
        ),
        must("owner", Kind::Text, "The team that is told"),
        may(
            "inputs",
            Kind::List { of: &Kind::Label, least: 0, most: 50 },
            "What `tidegate start` must give, used as $name",
        ),
        may("canary", Kind::Text, "The new version: a value, or $input"),
        may(
            "if_busy",
            Kind::Word { now: &["refuse", "queue", "supersede"], later: &[] },
            "When the route already has a rollout (default: refuse)",
        ),
        may("window", Kind::Map(&WINDOW), "When steps up may start; a revert never waits"),
        may(
            "bake",
            LENGTH,
            "How long a weight must stay healthy where a step names nothing (default: 10m)",
        ),
        may(
            "warm_up",
            LENGTH,
            "After a canary starts it is not compared for so long (default: 0s)",
        ),
        may(
            "look",
            Kind::Length { least: 1, most: 600 },
            "How often the numbers are looked at (default: 10s)",
        ),
        may(
            "harm",
            Kind::Points,
            "The share of all requests a step may put at risk, such as 0.5pp",
        ),
        may("bake_at_most", LENGTH, "Earned time after which `on_doubt` decides"),
        must(
            "steps",
            Kind::List {
                of: &Kind::OneOf {
                    what: "step",
                    tables: &[&SHIFT, &GATE_STEP, &HOOK_STEP, &RUN, &STAGE],
                },
                least: 1,
                most: 100,
            },
            "What happens, in order",
        ),
        may(
            "checks",
            Kind::Named { of: &CHECK_OR_OFF, what: "check" },
            "What is compared (default: the errors the route counts)",
        ),
        may(
            "segments",
            Kind::Named { of: &SEGMENT, what: "segment" },
            "Attributes and their values: every check that compares is judged in each as well",
        ),
        may(
            "on_regression",
            Kind::Word { now: &["revert", "pause", "revert segment"], later: &[] },
            "When the canary is worse (default: revert)",
        ),
        may(
            "on_doubt",
            Kind::Word { now: &["wait", "pause", "revert", "advance"], later: &[] },
            "When the data stay thin past `bake_at_most` (default: wait)",
        ),
        may(
            "on_silence",
            Kind::Map(&ON_SILENCE),
            "When the canary answers nothing and the baseline does",
        ),
        may("give_up", Kind::Map(&GIVE_UP), "When it is not finished"),
        may(
            "return_within",
            LENGTH,
            "How long after completion `revert` still works (default: 24h)",
        ),
        may(
            "hold_back",
            Kind::Percent,
            "The baseline's share while the last 100% bakes (default: 10%)",
        ),
        may("after_revert", Kind::Map(&AFTER_REVERT), "A call once weight 0 is confirmed"),
        later("after", "leave it out and start this plan when the other has completed"),
        later("if_lost", "leave it out: proxies keep the last split"),
    ],
};

const SEGMENT: Kind = Kind::List { of: &Kind::Text, least: 1, most: 50 };

pub(super) static WINDOW: Table = Table {
    title: "a window",
    keys: &[
        must("open", Kind::Cron, "When it opens: minute hour day month weekday"),
        must("for", Kind::Length { least: 60, most: 31 * DAY }, "How long it stays open"),
        must("timezone", Kind::Zone, "An IANA zone, such as Europe/Berlin"),
    ],
};
pub(super) static SHIFT: Table = Table {
    title: "a shift",
    keys: &[
        must("shift", Kind::Percent, "The canary's share from here"),
        may("bake", LENGTH, "How long it must stay healthy"),
        later("only", "leave it out: a shift is for everybody"),
    ],
};
static GATE_STEP: Table = Table {
    title: "a gate",
    keys: &[must(
        "gate",
        Kind::Either(&[Kind::Text, NAMES_OR_GROUPS, Kind::Map(&GATE)]),
        "Waits for a person",
    )],
};
const NAMES_OR_GROUPS: Kind = Kind::List { of: &Kind::Text, least: 1, most: 100 };
pub(super) static GATE: Table = Table {
    title: "a gate",
    keys: &[
        may(
            "approve",
            Kind::Either(&[Kind::Text, NAMES_OR_GROUPS]),
            "Who may: names or groups (default: any approver)",
        ),
        may("timeout", Kind::Length { least: 1, most: YEARS }, "How long it waits (default: 24h)"),
        may(
            "then",
            Kind::Word { now: &["revert", "pause", "pass"], later: &["stop"] },
            "What the time-out does (default: revert)",
        ),
        may(
            "asks",
            Kind::List { of: &Kind::Label, least: 1, most: 20 },
            "Questions an approver must answer",
        ),
    ],
};
pub(super) static HOOK_STEP: Table = Table {
    title: "a hook",
    keys: &[
        must("hook", Kind::Name, "What the call is for"),
        must("call", Kind::Url, "Gets a POST that must answer 2xx; $inputs are filled in"),
        may("body", Kind::Json, "Sent as JSON; $inputs are filled in"),
        may("retries", RETRIES, "Tries after the first (default: 3)"),
        may("timeout", CALL_TIMEOUT, "Of one try (default: 10s)"),
    ],
};
const RETRIES: Kind = Kind::Whole { least: 0, most: 100 };
const CALL_TIMEOUT: Kind = Kind::Length { least: 1, most: 3600 };
static AFTER_REVERT: Table = Table {
    title: "a call",
    keys: &[
        must("call", Kind::Url, "Gets a POST that must answer 2xx; $inputs are filled in"),
        may("body", Kind::Json, "Sent as JSON; $inputs are filled in"),
        may("retries", RETRIES, "Tries after the first (default: 3)"),
        may("timeout", CALL_TIMEOUT, "Of one try (default: 10s)"),
    ],
};
static RUN: Table = Table {
    title: "a long job",
    keys: &[
        later("run", "write a `hook` whose call answers when the job is done"),
        may("call", Kind::Json, ""),
        may("body", Kind::Json, ""),
        may("timeout", Kind::Json, ""),
        may("bake", Kind::Json, ""),
        later("irreversible", "write a `gate` before the step instead"),
    ],
};
static STAGE: Table = Table {
    title: "a stage",
    keys: &[
        later("stage", "migrations are moved by a plan of their own in a later version"),
        may("to", Kind::Json, ""),
        may("bake", Kind::Json, ""),
    ],
};
pub(super) static ON_SILENCE: Table = Table {
    title: "on_silence",
    keys: &[must(
        "revert_after",
        Kind::Length { least: 10, most: YEARS },
        "Silent for so long (default: 5m)",
    )],
};
static GIVE_UP: Table = Table {
    title: "give_up",
    keys: &[must(
        "revert_after",
        Kind::Length { least: 60, most: YEARS },
        "Not finished within this time",
    )],
};
