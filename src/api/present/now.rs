//! Three in the morning: what changed lately, what looks ill, what needs a person.

use std::collections::BTreeMap;
use std::time::Duration;

use super::standing::standing;
use super::{Facts, Row, actions, ended_at, kill};
use crate::api::views::{At, Group, NowLine, NowView};
use crate::domain::{Doubt, Timestamp};
use crate::engine::{Finding, Phase, State};
use crate::store::Kill;

/// How far back a change still counts as lately.
pub const WITHIN: Duration = Duration::from_secs(6 * 3600);

/// `rows`: everything in flight and what ended lately, each with what is known of it.
pub fn now(rows: &[(Row<'_>, Facts)], kills: &[Kill], at: Timestamp) -> NowView {
    let recent = rows.iter().filter(|(row, _)| {
        changed_at(row.state).is_some_and(|changed| at.since(changed) <= WITHIN)
            || !row.state.phase.is_end()
    });
    let mut by_route: BTreeMap<String, (bool, NowLine)> = BTreeMap::new();
    for (row, facts) in recent {
        let told = (!matches!(row.state.phase, Phase::Queued), line(*row, facts));
        let place = by_route.entry(told.1.route.clone());
        place.and_modify(|known| keep_worse(known, &told)).or_insert(told);
    }
    let mut changed: Vec<NowLine> = by_route.into_values().map(|(_, line)| line).collect();
    changed.sort_by_key(|l| (!l.ill, !l.needs_person, std::cmp::Reverse(l.since)));
    NowView {
        at: At(at),
        headline: headline(&changed, kills),
        changed,
        kills: kills.iter().map(kill).collect(),
        within_seconds: WITHIN.as_secs_f64(),
    }
}

/// Whoever waits in the queue exposes nobody, and taking it out makes nothing safe: any other rollout comes before it.
fn keep_worse(known: &mut (bool, NowLine), told: &(bool, NowLine)) {
    let rank = |(begun, l): &(bool, NowLine)| (*begun, l.ill, l.needs_person, l.since);
    if rank(told) > rank(known) {
        *known = told.clone();
    }
}

fn line(row: Row<'_>, facts: &Facts) -> NowLine {
    let standing = standing(row, &[], facts);
    let ill = ill(row.state);
    let actions = actions::actions(row.name, row.program, row.state, facts);
    let safe = actions.iter().find(|a| a.name == "revert");
    let helps = if ill { safe } else { safe.filter(|_| !standing.needs_person) };
    // What went back is safe already: nobody is told at night to bring it on again.
    let first = actions.first().filter(|a| a.name != "retry");
    NowLine {
        route: row.program.route.name.to_string(),
        rollout: row.name.to_string(),
        canary: row.program.canary.clone(),
        weight_ppm: row.state.wish.weight.ppm(),
        since: At(changed_at(row.state).unwrap_or(row.state.started_at)),
        ill,
        needs_person: standing.group == Group::NeedsYou,
        text: standing.headline,
        command: helps.or(first).map(|action| action.command.clone()),
    }
}

/// Somebody should look: harm, or nobody can know.
fn ill(state: &State) -> bool {
    let doubted =
        matches!(state.doubt, Some(Doubt::Blind(_) | Doubt::Silent(_) | Doubt::Shared(_)));
    let harmed = matches!(state.finding, Some(Finding::Regression { .. } | Finding::Limit { .. }));
    let late = matches!(state.phase, Phase::Reverting { alarmed: true, .. });
    !state.phase.is_end() && (doubted || harmed || late)
}

fn changed_at(state: &State) -> Option<Timestamp> {
    ended_at(&state.phase).or(state.wish.confirmed_at).or(state.first_exposed_at)
}

fn headline(changed: &[NowLine], kills: &[Kill]) -> String {
    let ill = changed.iter().filter(|l| l.ill).count();
    let needs = changed.iter().filter(|l| l.needs_person).count();
    let routes = match changed.len() {
        0 => "nothing changed in the last 6 h".to_owned(),
        1 => "1 route changed in the last 6 h".to_owned(),
        n => format!("{n} routes changed in the last 6 h"),
    };
    let state = match (ill, needs) {
        (0, 0) => "nothing looks ill".to_owned(),
        (0, n) => {
            format!("nothing looks ill, {n} wait{} for a person", if n == 1 { "s" } else { "" })
        }
        (1, _) => "1 looks ill".to_owned(),
        (n, _) => format!("{n} look ill"),
    };
    let killed = match kills.len() {
        0 => String::new(),
        n => format!(" {n} killed."),
    };
    format!("Tidegate is well. {routes}, {state}.{killed}")
}
