//! From a decided transition to the one transaction that makes it true. Pure.

use crate::domain::{Generation, RolloutName, Share, Side, Timestamp, Weight};
use crate::engine::{Event, Memory, Phase, State, Transition, overrides};
use crate::plan::Program;
use crate::store::{Commit, RouteChange, Stored};

/// The commit of `transition`, guarded by the version it was decided on.
pub fn commit(
    stored: &Stored,
    event: &Event,
    transition: Transition,
    memory: Memory,
    at: Timestamp,
) -> Commit {
    let route = route_change(stored, event, &transition.next, &memory);
    Commit {
        name: stored.name.clone(),
        expected_version: stored.version,
        state: transition.next,
        memory,
        entries: transition.entries,
        effects: transition.effects,
        at,
        program: matches!(event, Event::Started { .. }).then(|| stored.program.clone()),
        route,
    }
}

/// What the route's row becomes, where wish, sides or owner change.
fn route_change(
    stored: &Stored,
    event: &Event,
    next: &State,
    memory: &Memory,
) -> Option<RouteChange> {
    let before = &stored.state;
    let (held, holds) = (before.phase.holds_route(), next.phase.holds_route());
    let same = before.wish.generation == next.wish.generation && held == holds;
    if same || !(held || holds) {
        return None;
    }
    let expected = match event {
        Event::Started { generation } => *generation,
        _ => before.wish.generation,
    };
    let change = change(&stored.program, &stored.name, next, expected, before.wish.weight);
    // A rollout that never looked has learned nothing that its route does not know.
    let ends = held && !holds && memory.until.is_some();
    Some(RouteChange { learned: ends.then(|| memory.learned(&stored.program)), ..change })
}

fn change(
    program: &Program,
    name: &RolloutName,
    next: &State,
    expected: Generation,
    before: Weight,
) -> RouteChange {
    let canary = program.canary_side;
    let mut labels = [None, None];
    labels[canary.index()] = Some(program.canary.clone());
    labels[canary.other().index()] = Some(program.baseline.clone());
    let completed = matches!(next.phase, Phase::Completed { .. });
    RouteChange {
        route: program.route.name.clone(),
        expected,
        generation: next.wish.generation,
        share: share(canary, next.wish.weight),
        overrides: overrides(next, canary),
        serving: if next.swapped { canary } else { canary.other() },
        labels,
        holder: next.phase.holds_route().then(|| name.clone()),
        last_completed: completed.then(|| name.clone()),
        learned: None,
        raises: next.wish.weight > before,
    }
}

/// What a proxy is told: side B's share.
fn share(canary: Side, weight: Weight) -> Share {
    match canary {
        Side::A => weight.complement(),
        Side::B => weight,
    }
}
