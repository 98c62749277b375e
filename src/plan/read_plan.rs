//! A mapping -> a [`Plan`], with the rules between its keys.

use std::time::Duration;

use crate::domain::{Name, Weight, human};

use super::fields::Fields;
use super::model::{IfBusy, OnDoubt, OnRegression, Plan, RouteRef, Step, Window};
use super::problem::Sink;
use super::{read_checks, read_route, read_segments as segments, read_steps};

const MINUTE: Duration = Duration::from_secs(60);
const DEFAULT_BAKE: Duration = MINUTE.saturating_mul(10);
const DEFAULT_LOOK: Duration = Duration::from_secs(10);
const DEFAULT_SILENCE: Duration = MINUTE.saturating_mul(5);
const DEFAULT_RETURN: Duration = MINUTE.saturating_mul(24 * 60);
const DEFAULT_HOLD_BACK: u32 = 100_000;

/// Reads a plan. `None` when something was told already.
pub(super) fn plan(f: Fields<'_>, sink: &mut Sink<'_>) -> Option<Plan> {
    let name = f.name("plan");
    let route = route_ref(name.clone(), f, sink);
    let steps = read_steps::steps(f, f.length("bake").unwrap_or(DEFAULT_BAKE), sink);
    let plan = Plan {
        // A name that cannot be was told; the other rules still want a plan to look at.
        name: name.or_else(|| Name::new("plan").ok())?,
        route: route.or_else(|| Name::new("route").ok().map(RouteRef::Named))?,
        owner: f.text("owner").unwrap_or_default(),
        inputs: f.texts("inputs"),
        canary: f.text("canary"),
        if_busy: f.word("if_busy", &IF_BUSY).unwrap_or_default(),
        window: f.map("window").and_then(window),
        steps,
        checks: read_checks::checks(f, sink),
        warm_up: f.length("warm_up").unwrap_or_default(),
        look: f.length("look").unwrap_or(DEFAULT_LOOK),
        harm: f.str("harm").and_then(|t| super::scalar::points(t).ok()),
        bake_at_most: f.length("bake_at_most"),
        on_regression: f.word("on_regression", &ON_REGRESSION).unwrap_or_default(),
        on_doubt: f.word("on_doubt", &ON_DOUBT).unwrap_or_default(),
        silence_revert_after: revert_after(f, "on_silence").unwrap_or(DEFAULT_SILENCE),
        give_up_after: revert_after(f, "give_up"),
        return_within: f.length("return_within").unwrap_or(DEFAULT_RETURN),
        hold_back: f.percent("hold_back").or(Weight::from_ppm(DEFAULT_HOLD_BACK))?,
        segments: segments::segments(f, sink),
        off: read_checks::off(f, sink),
        after_revert: f.map("after_revert").and_then(|h| read_steps::hook("after_revert", h)),
    };
    check_times(&plan, f, sink);
    check_hold_back(&plan, f, sink);
    segments::check(&plan, f, sink);
    super::references::check(&plan, f, sink);
    Some(plan)
}

const IF_BUSY: [(&str, IfBusy); 3] =
    [("refuse", IfBusy::Refuse), ("queue", IfBusy::Queue), ("supersede", IfBusy::Supersede)];
const ON_REGRESSION: [(&str, OnRegression); 3] = [
    ("revert", OnRegression::Revert),
    ("pause", OnRegression::Pause),
    ("revert segment", OnRegression::RevertSegment),
];
const ON_DOUBT: [(&str, OnDoubt); 4] = [
    ("wait", OnDoubt::Wait),
    ("pause", OnDoubt::Pause),
    ("revert", OnDoubt::Revert),
    ("advance", OnDoubt::Advance),
];

fn route_ref(plan: Option<Name>, f: Fields<'_>, sink: &mut Sink<'_>) -> Option<RouteRef> {
    match f.map("route") {
        Some(inline) => {
            read_route::route(plan, inline, sink).map(|r| RouteRef::Inline(Box::new(r)))
        }
        None => f.name("route").map(RouteRef::Named),
    }
}

fn window(f: Fields<'_>) -> Option<Window> {
    Some(Window { open: f.text("open")?, length: f.length("for")?, timezone: f.text("timezone")? })
}

fn revert_after(f: Fields<'_>, key: &str) -> Option<Duration> {
    f.map(key)?.length("revert_after")
}

/// Times that contradict each other: the plan could never complete, or a key would never act.
fn check_times(plan: &Plan, f: Fields<'_>, sink: &mut Sink<'_>) {
    let bakes = plan.steps.iter().filter_map(|s| match s {
        Step::Shift { bake, .. } => Some(*bake),
        Step::Gate(_) | Step::Hook(_) => None,
    });
    let (longest, sum) = bakes.fold((Duration::ZERO, Duration::ZERO), |(longest, sum), bake| {
        (longest.max(bake), sum.saturating_add(bake))
    });
    if let Some(most) = plan.bake_at_most.filter(|most| *most < longest) {
        let message =
            format!("`bake_at_most` {} is below a bake of {}", human(most), human(longest));
        sink.error(f.at("bake_at_most"), message, format!("write at least {}", human(longest)));
    }
    if let Some(after) = plan.give_up_after.filter(|after| *after <= sum) {
        let message = format!("gives up after {} and bakes for {}", human(after), human(sum));
        sink.error(f.at("give_up"), message, "it could never complete; write a longer time");
    }
    if plan.on_doubt != OnDoubt::Wait && plan.bake_at_most.is_none() {
        let mend = "add `bake_at_most: 6h`: how much earned time may stay in doubt";
        sink.error(f.at("on_doubt"), "`on_doubt` would never act without `bake_at_most`", mend);
    }
}

/// The last 100 % bakes at what `hold_back` leaves, which must not be a step down.
fn check_hold_back(plan: &Plan, f: Fields<'_>, sink: &mut Sink<'_>) {
    let mut weights: Vec<Weight> = plan.steps.iter().filter_map(Step::weight).collect();
    let last = weights.pop();
    let before = weights.last().copied().unwrap_or(Weight::ZERO);
    let baked = plan.hold_back.complement();
    if last == Some(Weight::FULL) && baked <= before {
        let message =
            format!("the last 100 % would bake at {baked}, not above the {before} before it");
        let mend = format!("write a `hold_back` below {}", before.complement());
        sink.error(f.at("hold_back"), message, mend);
    }
}
