//! `steps:` -> what happens, in order.

use std::time::Duration;

use crate::domain::Weight;

use super::fields::{Fields, json};
use super::keys_plan::SHIFT;
use super::model::{Gate, GateTimeout, Hook, Step};
use super::problem::{Place, Sink};
use super::shape::has_later;
use super::yaml::Node;

const GATE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;

/// Reads the steps that can be read and checks the order of those.
pub(super) fn steps(f: Fields<'_>, bake: Duration, sink: &mut Sink<'_>) -> Vec<Step> {
    let nodes = f.node("steps").map(Node::items).unwrap_or_default();
    let placed = nodes.iter().filter_map(|n| Some((n, step(Fields(n), bake)?)));
    let placed: Vec<(&Node, Step)> = placed.collect();
    let shifts = placed.iter().filter_map(|(n, s)| Some((Fields(n).at("shift"), s.weight()?)));
    // A step that could not be read, or none at all, was told; it may have been the one that is missed next.
    let whole = !nodes.is_empty() && placed.len() == nodes.len();
    let shifts: Vec<_> = shifts.collect();
    check_rising(&shifts, sink);
    if whole {
        check_last(&shifts, f.at("steps"), sink);
    }
    placed.into_iter().map(|(_, step)| step).collect()
}

fn check_rising(shifts: &[(Place, Weight)], sink: &mut Sink<'_>) {
    let mut highest = Weight::ZERO;
    for (place, weight) in shifts {
        if *weight == Weight::ZERO {
            sink.error(
                *place,
                "a shift to 0% is no step",
                "leave it out: `revert` goes back to 0%",
            );
        } else if *weight <= highest {
            let message = format!("{weight} does not rise above the {highest} before it");
            sink.error(*place, message, "each shift must be higher than the last");
        }
        highest = highest.max(*weight);
    }
}

/// Completing hands the whole route over, so the ladder ends at 100 %.
fn check_last(shifts: &[(Place, Weight)], at: Place, sink: &mut Sink<'_>) {
    match shifts.last() {
        None => sink.error(at, "no step shifts traffic", "add `- shift: 100%`"),
        Some((place, last)) if shifts.iter().all(|(_, w)| *w != Weight::FULL) => {
            let message = format!("the last shift is {last}: the rollout could not complete");
            sink.error(*place, message, "add `- shift: 100%` after it");
        }
        Some(_) => {}
    }
}

fn step(f: Fields<'_>, bake: Duration) -> Option<Step> {
    // A shift for a segment alone is another ladder than the one that must rise.
    if has_later(f.0, &SHIFT) {
        return None;
    }
    if f.node("shift").is_some() {
        let bake = f.length("bake").unwrap_or(bake);
        return f.percent("shift").map(|to| Step::Shift { to, bake });
    }
    if f.node("gate").is_some() {
        return Some(Step::Gate(gate(f)));
    }
    hook(f.str("hook")?, f).map(Step::Hook)
}

fn gate(f: Fields<'_>) -> Gate {
    let Some(g) = f.map("gate") else {
        let (timeout, then) = (GATE_TIMEOUT, GateTimeout::default());
        return Gate { approve: f.texts("gate"), timeout, then, asks: Vec::new() };
    };
    let words = [
        ("revert", GateTimeout::Revert),
        ("pause", GateTimeout::Pause),
        ("pass", GateTimeout::Pass),
    ];
    Gate {
        approve: g.texts("approve"),
        timeout: g.length("timeout").unwrap_or(GATE_TIMEOUT),
        then: g.word("then", &words).unwrap_or_default(),
        asks: g.texts("asks"),
    }
}

/// The call written beside `name`.
pub(super) fn hook(name: &str, f: Fields<'_>) -> Option<Hook> {
    Some(Hook {
        name: name.to_owned(),
        call: f.text("call")?,
        body: f.node("body").map(json),
        timeout: f.length("timeout").unwrap_or(CALL_TIMEOUT),
        retries: f.count("retries").unwrap_or(RETRIES),
    })
}

impl Step {
    /// The weight of a shift, as the plan writes it.
    pub fn weight(&self) -> Option<Weight> {
        match self {
            Self::Shift { to, .. } => Some(*to),
            Self::Gate(_) | Self::Hook(_) => None,
        }
    }
}
