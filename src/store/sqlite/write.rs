//! One transition on its way to the writer, its documents already written as text.

use super::cells::to_json;
use super::looks::LookRow;
use crate::domain::{Name, RolloutName, Timestamp};
use crate::engine::{Effect, Entry, Phase, State};
use crate::store::{Commit, Flush, RouteChange, StoreError};

/// A commit or flush made ready by its caller, so that the writer only writes.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) name: RolloutName,
    pub(super) expected: i64,
    pub(super) marks: Marks,
    pub(super) state: String,
    pub(super) memory: String,
    pub(super) looks: Option<LookRow>,
    pub(super) program: Option<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) outbox: Vec<String>,
    pub(super) at: Timestamp,
    pub(super) route: Option<RouteChange>,
}

/// What lists and guards need of a state, in columns of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) phase: &'static str,
    pub(super) holds: bool,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) return_until: Option<Timestamp>,
}

impl Marks {
    pub(super) fn of(state: &State) -> Self {
        let phase = &state.phase;
        let (ended_at, return_until) = match phase {
            Phase::Completed { at, return_until } => (Some(*at), Some(*return_until)),
            Phase::Reverted { at, .. } => (Some(*at), None),
            _ => (None, None),
        };
        Self { phase: phase.word(), holds: phase.holds_route(), ended_at, return_until }
    }
}

impl Write {
    pub(super) fn commit(commit: Commit) -> Result<Self, StoreError> {
        let kept = commit.effects.iter().filter(|e| leaves_through_outbox(e));
        Ok(Self {
            marks: Marks::of(&commit.state),
            state: to_json("state", &commit.state)?,
            memory: to_json("memory", &commit.memory)?,
            looks: LookRow::of(&commit.memory)?,
            program: commit.program.map(|p| to_json("program", p.as_ref())).transpose()?,
            outbox: kept.map(|e| to_json("effect", e)).collect::<Result<_, _>>()?,
            name: commit.name,
            expected: commit.expected_version,
            entries: commit.entries,
            at: commit.at,
            route: commit.route,
        })
    }

    pub(super) fn flush(flush: Flush) -> Result<Self, StoreError> {
        Ok(Self {
            marks: Marks::of(&flush.state),
            state: to_json("state", &flush.state)?,
            memory: to_json("memory", &flush.memory)?,
            looks: LookRow::of(&flush.memory)?,
            name: flush.name,
            expected: flush.expected_version,
            program: None,
            entries: Vec::new(),
            outbox: Vec::new(),
            at: Timestamp::default(),
            route: None,
        })
    }

    pub(super) fn touches(&self) -> (&RolloutName, Option<&Name>) {
        (&self.name, self.route.as_ref().map(|r| &r.route))
    }
}

/// The other effects are the wish itself, stored with the state or the route.
fn leaves_through_outbox(effect: &Effect) -> bool {
    match effect {
        Effect::RunHook { .. } | Effect::RunAfterRevert | Effect::Notify { .. } => true,
        Effect::SwapSides | Effect::SwapBack | Effect::ReleaseRoute => false,
    }
}
