//! What crosses the store's port.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Actor, Generation, Name, Override, RolloutName, Share, Side, Timestamp, Weight,
};
use crate::engine::{Effect, Entry, Learned, Memory, State};
use crate::judge::{Chunk, Evidence};
use crate::plan::{Plan, Program, Route};

/// A rollout as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub name: RolloutName,
    /// Compare-and-swap guard: rises with every commit and flush.
    pub version: i64,
    pub plan_revision: u32,
    pub program: Arc<Program>,
    pub state: State,
    pub memory: Memory,
}

/// One transition to store: state, journal lines, effects and the route's wish in one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    pub name: RolloutName,
    pub expected_version: i64,
    pub state: State,
    pub memory: Memory,
    pub entries: Vec<Entry>,
    pub effects: Vec<Effect>,
    pub at: Timestamp,
    /// Set when a rollout begins: only then does it know which side is idle.
    pub program: Option<Arc<Program>>,
    /// Set where the wish, the sides or the ownership of the route change.
    pub route: Option<RouteChange>,
}

/// What a commit does to its route; refused unless the route's generation is `expected` and this rollout may.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteChange {
    pub route: Name,
    pub expected: Generation,
    pub generation: Generation,
    /// Side B's share.
    pub share: Share,
    /// Segments with a share of their own.
    pub overrides: Vec<Override>,
    pub serving: Side,
    /// Values of the arm label on either side.
    pub labels: [Option<String>; 2],
    /// Who holds the route after this commit.
    pub holder: Option<RolloutName>,
    /// The rollout that completed last and may still be taken back.
    pub last_completed: Option<RolloutName>,
    /// What the rollout learned of the baseline, where it ends; the route keeps what it had without.
    pub learned: Option<Learned>,
    /// Raising is refused while a kill stands.
    pub raises: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The row's new version.
    Stored(i64),
    /// Somebody was faster: load and decide again.
    Stale,
    /// A kill stands on the route: it must not be raised.
    Killed,
}

#[derive(Clone, Debug)]
pub struct Flush {
    pub name: RolloutName,
    pub expected_version: i64,
    pub state: State,
    pub memory: Memory,
}

/// Looks that the evidence took in between two writes.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptLooks {
    /// Of its first look, from 1; no look is in two of them.
    pub number: u64,
    /// The evidence before look 1, with that look.
    pub start: Option<Evidence>,
    pub chunk: Chunk,
}

impl KeptLooks {
    /// What is stored with this memory; `None` where it has taken in nothing new.
    pub fn of(memory: &Memory) -> Option<Self> {
        let chunk = Chunk::of(memory.unkept.looks())?;
        let start = memory.unkept.start().cloned();
        Some(Self { number: memory.first_unkept(), start, chunk })
    }
}

/// A rollout to be made. The store fills in its number.
#[derive(Clone, Debug)]
pub struct NewRollout {
    pub program: Program,
    pub plan_revision: u32,
    /// Its state when the route is free; in the phase `Queued`.
    pub state: State,
    pub memory: Memory,
    pub entry: Entry,
    pub at: Timestamp,
    /// Whether to queue when another rollout holds the route, instead of being refused.
    pub may_queue: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Started {
    /// Stored in the phase `Queued`; `behind` holds the route, or nobody does.
    New { stored: Box<Stored>, behind: Option<RolloutName> },
    /// Another rollout holds the route.
    Busy(RolloutName),
    /// A kill stands on the route.
    Killed(Kill),
}

#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    pub plan: Option<Name>,
    pub route: Option<Name>,
    /// A phase's word.
    pub phase: Option<String>,
    /// Only those not at an end.
    pub live: bool,
    /// Rows below this id: the cursor of the page before.
    pub before: Option<i64>,
    pub limit: u32,
}

/// A row of a list: the state without its evidence.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The list's cursor.
    pub id: i64,
    pub name: RolloutName,
    pub route: Name,
    pub owner: String,
    pub program: Arc<Program>,
    pub state: State,
    pub ended_at: Option<Timestamp>,
}

/// One line of a rollout's journal, numbered from 1 and chained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalLine {
    pub seq: i64,
    #[serde(flatten)]
    pub entry: Entry,
    /// Hex, 64 characters; of line 1: zeros.
    pub prev: String,
    pub hash: String,
}

/// Where a journal ends, by its rollout's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEnd {
    pub name: RolloutName,
    /// Of the last line.
    pub seq: i64,
    /// The last line's, hex.
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    Created,
    Changed,
    Unchanged,
    /// A rollout holds the route; its definition stays until that ends.
    Held(RolloutName),
}

/// A route as stored: its definition, and who serves now.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteRow {
    pub route: Route,
    pub generation: Generation,
    /// Side B's share.
    pub share: Share,
    /// Segments with a share of their own; until the next rollout begins.
    pub overrides: Vec<Override>,
    pub serving: Side,
    /// Values of the arm label on either side, as far as known.
    pub labels: [Option<String>; 2],
    pub holder: Option<RolloutName>,
    pub last_completed: Option<RolloutName>,
    /// What the next rollout's judge starts from.
    pub learned: Learned,
    pub changed_at: Timestamp,
}

impl RouteRow {
    /// The share of the idle side: what a canary there gets.
    pub fn idle_weight(&self) -> Weight {
        match self.serving {
            Side::A => self.share,
            Side::B => self.share.complement(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    pub number: u32,
    pub created: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    pub plan: Plan,
    pub revision: u32,
    pub text: String,
    pub by: String,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    pub route: Name,
    pub by: Actor,
    pub because: String,
    pub at: Timestamp,
}

/// One proxy or program that carries a route's traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    pub route: Name,
    pub node: String,
    /// Changes with every start of the instance.
    pub boot: String,
    pub acknowledged: Generation,
    /// The highest weight of the idle side it was served since `served_for` began.
    pub served: Weight,
    /// The rollout `served` belongs to.
    pub served_for: Option<RolloutName>,
    pub seen: Timestamp,
    /// Where its own counters can be read.
    pub metrics: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Stable: the receiver's idempotency key.
    pub id: i64,
    pub rollout: RolloutName,
    pub effect: Effect,
    pub tries: u32,
    pub next: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    /// Asks and pushes for proxies and programs; sees nothing else.
    Provider,
    Operator,
    Approver,
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    pub name: String,
    pub hash: [u8; 32],
    pub role: Role,
    pub groups: Vec<String>,
    pub created: Timestamp,
    pub revoked: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// BLAKE3 of the request's body: the same key with another body is a conflict.
    pub request: [u8; 32],
    pub status: u16,
    pub body: String,
}
