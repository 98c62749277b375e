//! Views made from what is stored and what the feed knows. Pure: every text people read of a rollout is worded here.
//!
//! Owns: headlines, waits, ladders, evidence in odds, the account of a revert, what one can do now.
//! Does not: read stores or clocks; a handler gathers [`Facts`] and shows the view.

mod actions;
mod cuts;
mod explain;
mod ladder;
mod looks;
mod now;
mod numbers;
mod plan;
mod revert;
mod route;
mod standing;

#[cfg(test)]
mod tests;

pub use explain::{EXPLAINED, explain};
pub use looks::{Retold, are_many, retold};
pub use now::now;
pub use plan::{plan, start_text};
pub use route::{kill, role, route, token};

use self::standing::{Standing, standing};
use super::views::{
    At, DoubtView, FindingView, FollowView, JournalLineView, PhaseView, ReasonView, RolloutSummary,
    RolloutView, SplitView,
};
use crate::domain::{Doubt, Reason, RolloutName, Timestamp};
use crate::engine::{Finding, Latch, Phase, State};
use crate::plan::{Program, fill};
use crate::store::{JournalLine, Kill, Stored};
use crate::traffic::Confirmation;

/// Lines of the journal that a rollout's view carries.
const RECENT: usize = 12;

/// What is known beside the rollout itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub now: Timestamp,
    /// Of the route's newest split, while this rollout holds it.
    pub confirmation: Option<Confirmation>,
    /// The kill that stands on its route.
    pub kill: Option<Kill>,
    /// Who holds its route while it waits in the queue.
    pub holder: Option<RolloutName>,
    /// Its journal so far, oldest first.
    pub journal: Vec<JournalLine>,
}

/// A rollout, whole.
pub fn rollout(stored: &Stored, facts: &Facts) -> RolloutView {
    let Stored { name, state, program, .. } = stored;
    let judgement = stored.memory.judgement.as_ref();
    let checks = numbers::checks(program, &stored.memory);
    let Standing { headline, waits_for, until, needs_person, group, .. } =
        standing(stored.into(), &checks, facts);
    RolloutView {
        name: name.to_string(),
        plan: name.plan.to_string(),
        revision: stored.plan_revision,
        route: program.route.name.to_string(),
        owner: program.plan.owner.clone(),
        canary: program.canary.clone(),
        baseline: program.baseline.clone(),
        inputs: program.inputs.clone(),
        group,
        phase: phase(&state.phase),
        headline,
        waits_for,
        until: until.map(At),
        needs_person,
        progress: standing::progress(program, &state.phase),
        ladder: ladder::ladder(program, state),
        split: split(program, state, &checks, facts),
        evidence: judgement
            .and_then(|j| j.log_evidence.map(|log| numbers::evidence(log, j.log_limit))),
        checks,
        finding: state.finding.as_ref().map(finding),
        doubt: state.doubt.as_ref().map(doubt),
        reason: reason_of(&state.phase).map(reason),
        latch: latch(state.latch).to_owned(),
        cuts: cuts::cuts(state),
        started_by: state.started_by.to_string(),
        started_at: At(state.started_at),
        first_exposed_at: state.first_exposed_at.map(At),
        ended_at: ended_at(&state.phase).map(At),
        return_until: return_until(&state.phase).map(At),
        revert: revert::revert(stored, facts),
        actions: actions::actions(name, program, state, facts),
        dashboard: dashboard(program, state, facts.now),
        recent: facts.journal.iter().rev().take(RECENT).map(line).collect(),
        version: stored.version,
    }
}

/// What a row of a list is made from.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub name: &'a RolloutName,
    pub program: &'a Program,
    pub state: &'a State,
}

impl<'a> From<&'a Stored> for Row<'a> {
    fn from(stored: &'a Stored) -> Self {
        Self { name: &stored.name, program: &stored.program, state: &stored.state }
    }
}

impl<'a> From<&'a crate::store::Summary> for Row<'a> {
    fn from(row: &'a crate::store::Summary) -> Self {
        Self { name: &row.name, program: &row.program, state: &row.state }
    }
}

/// A row of a list.
pub fn summary(row: Row<'_>, facts: &Facts) -> RolloutSummary {
    let Row { name, program, state } = row;
    let Standing { headline, holds, waits_for, until, group, .. } = standing(row, &[], facts);
    let actions = actions::actions(name, program, state, facts);
    RolloutSummary {
        name: name.to_string(),
        plan: name.plan.to_string(),
        route: program.route.name.to_string(),
        owner: program.plan.owner.clone(),
        canary: program.canary.clone(),
        baseline: program.baseline.clone(),
        group,
        phase: state.phase.word().to_owned(),
        holds: holds.to_owned(),
        headline,
        waits_for,
        until: until.map(At),
        weight_ppm: state.wish.weight.ppm(),
        doubt: state.doubt.as_ref().map(doubt),
        cuts: cuts::cuts(state),
        started_by: state.started_by.to_string(),
        started_at: At(state.started_at),
        ended_at: ended_at(&state.phase).map(At),
        command: actions.into_iter().next().map(|action| action.command),
    }
}

pub fn line(line: &JournalLine) -> JournalLineView {
    JournalLineView {
        seq: line.seq,
        at: At(line.entry.at),
        by: line.entry.by.to_string(),
        kind: line.entry.kind.clone(),
        text: line.entry.text.clone(),
        detail: line.entry.detail.clone(),
        hash: line.hash.clone(),
    }
}

pub(super) fn follow(confirmation: &Confirmation) -> FollowView {
    FollowView {
        following: confirmation.following,
        known: confirmation.known,
        expected: confirmation.expected,
        confirmed: confirmation.confirmed,
        waiting_for: confirmation.waiting_for.clone(),
    }
}

fn phase(phase: &Phase) -> PhaseView {
    let (step, since) = match phase {
        Phase::Queued => (None, None),
        Phase::Waiting { step, .. } => (Some(*step), None),
        Phase::Gated { step, since }
        | Phase::Calling { step, since }
        | Phase::Shifting { step, since, .. }
        | Phase::Baking { step, since, .. } => (Some(*step), Some(*since)),
        Phase::Finishing { since } | Phase::Reverting { since, .. } => (None, Some(*since)),
        Phase::Paused { since, was, .. } => (self::phase(was).step, Some(*since)),
        Phase::Completed { at, .. } | Phase::Reverted { at, .. } => (None, Some(*at)),
    };
    let was = match phase {
        Phase::Paused { was, .. } => Some(was.word().to_owned()),
        _ => None,
    };
    let word = phase.word().to_owned();
    PhaseView { word, step, since: since.map(At), was, ended: phase.is_end() }
}

fn split(
    program: &Program,
    state: &State,
    checks: &[super::views::CheckView],
    facts: &Facts,
) -> SplitView {
    let seen = checks.first().map(|c| (c.step.canary_requests, c.step.baseline_requests));
    let share = |(canary, baseline): (u64, u64)| {
        let all = canary.saturating_add(baseline);
        (all > 0).then(|| canary as f64 / all as f64)
    };
    SplitView {
        splitter: program.route.split.word().to_owned(),
        wish_ppm: state.wish.weight.ppm(),
        generation: state.wish.generation.0,
        confirmed_at: state.wish.confirmed_at.map(At),
        follow: facts.confirmation.as_ref().map(follow),
        seen_share: seen.and_then(share),
    }
}

fn finding(finding: &Finding) -> FindingView {
    let check = match finding {
        Finding::Regression { check, .. } | Finding::Limit { check, .. } => Some(check.clone()),
        _ => None,
    };
    let (kind, sentence) = (finding.kind().to_owned(), finding.sentence().to_owned());
    FindingView { kind, check, sentence }
}

fn doubt(doubt: &Doubt) -> DoubtView {
    DoubtView { word: doubt.word().to_owned(), detail: doubt.detail().to_owned() }
}

fn reason_of(phase: &Phase) -> Option<&Reason> {
    match phase {
        Phase::Paused { because, .. }
        | Phase::Reverting { because, .. }
        | Phase::Reverted { because, .. } => Some(because),
        _ => None,
    }
}

fn reason(reason: &Reason) -> ReasonView {
    let word = match reason {
        Reason::Regression { .. } => "regression",
        Reason::Shared { .. } => "shared",
        Reason::Silence { .. } => "silence",
        Reason::Doubted { .. } => "doubted",
        Reason::Person { .. } => "person",
        Reason::Kill { .. } => "kill",
        Reason::Superseded { .. } => "superseded",
        Reason::GateTimedOut { .. } => "gate_timed_out",
        Reason::HookFailed { .. } => "hook_failed",
        Reason::GaveUp { .. } => "gave_up",
        Reason::HandEdit { .. } => "hand_edit",
        Reason::Mismatch { .. } => "mismatch",
        Reason::Violation { .. } => "violation",
    };
    ReasonView { word: word.to_owned(), sentence: reason.to_string() }
}

fn latch(latch: Latch) -> &'static str {
    match latch {
        Latch::None => "none",
        Latch::Revert => "revert",
        Latch::Kill => "kill",
    }
}

fn ended_at(phase: &Phase) -> Option<Timestamp> {
    match phase {
        Phase::Completed { at, .. } | Phase::Reverted { at, .. } => Some(*at),
        _ => None,
    }
}

fn return_until(phase: &Phase) -> Option<Timestamp> {
    match phase {
        Phase::Completed { return_until, .. } => Some(*return_until),
        _ => None,
    }
}

/// `$from` and `$to` in milliseconds, as Grafana takes them: from a little before the start to now, or to the end.
fn dashboard(program: &Program, state: &State, now: Timestamp) -> Option<String> {
    const AROUND: std::time::Duration = std::time::Duration::from_secs(600);
    let url = program.route.dashboard.as_ref()?;
    let to = ended_at(&state.phase).map_or(now, |end| end.plus(AROUND));
    let from = state.started_at.minus(AROUND);
    let ms = |at: Timestamp| (at.micros() / 1000).to_string();
    Some(fill(url, |name| match name {
        "from" => Some(ms(from)),
        "to" => Some(ms(to)),
        _ => None,
    }))
}
