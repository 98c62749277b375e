//! What must survive: rollouts, routes, plans, the journal, pushed counts, tokens.
//!
//! Owns: the port every database adapter implements, and the rows that cross it.
//! Does not: decide anything; a write that lost a race says so and the caller decides again.

pub mod chain;
mod pushed;
mod rows;
pub mod sqlite;

pub use pushed::*;
pub use rows::*;

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::domain::{Name, RolloutName, Timestamp};
use crate::plan::{Plan, Route};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database did not take or give it: nothing of the call happened, or nobody knows. Try again.
    #[error("the store is unavailable while {doing}")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// What is stored makes no sense to this version.
    #[error("a stored {what} cannot be read: {detail}")]
    Corrupt { what: String, detail: String },
    /// Another of this name is in force.
    #[error("there is a {what} already")]
    Taken { what: String },
    /// Another process has this database.
    #[error(
        "{path} is in use by another tidegate (process {pid}); stop it, or give this one another --data"
    )]
    InUse { path: String, pid: String },
    #[error("cannot open the store at {path}")]
    Open {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// The promise of an adapter: a call that answered `Ok` survives kill -9 and power loss;
/// one that failed either happened whole or not at all.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    // Rollouts: each commit is one guarded transaction; the batch is one database transaction.

    /// Stores transitions. A commit whose expected version or generation is no longer the row's is refused alone.
    async fn commit(&self, batch: Vec<Commit>) -> Result<Vec<Committed>, StoreError>;
    /// Gives a new rollout its number, and the route if it is free; one transaction with its first journal line.
    async fn start(&self, new: NewRollout) -> Result<Started, StoreError>;
    async fn rollout(&self, name: &RolloutName) -> Result<Option<Stored>, StoreError>;
    /// Those that hold or wait for a route, and those completed that may still be taken back (`return_until` after `now`).
    async fn live(&self, now: Timestamp) -> Result<Vec<Stored>, StoreError>;
    /// Newest first.
    async fn list(&self, filter: &ListFilter) -> Result<Vec<Summary>, StoreError>;
    async fn journal(
        &self,
        name: &RolloutName,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JournalLine>, StoreError>;
    /// Every rollout's journal and where it ends, for an audit.
    async fn journals(&self) -> Result<Vec<JournalEnd>, StoreError>;
    /// Replaces evidence and state of a look that changed nothing worth a journal line (guarded by version, no line).
    async fn flush(&self, batch: Vec<Flush>) -> Result<Vec<bool>, StoreError>;

    /// The looks behind a rollout's evidence, oldest first: at most `limit` chunks that begin after the look `after`.
    /// They are stored by the commits and flushes whose memory took them in.
    async fn looks(
        &self,
        name: &RolloutName,
        after: u64,
        limit: u32,
    ) -> Result<Vec<KeptLooks>, StoreError>;
    /// Drops all looks of one rollout that ended before; `false`: there is none.
    async fn drop_looks(&self, ended_before: Timestamp) -> Result<bool, StoreError>;

    // Routes and plans.

    /// Inserts or replaces the definition; who serves and the split stay. Refused while a rollout holds the route.
    async fn apply_route(&self, route: &Route, at: Timestamp) -> Result<Applied, StoreError>;
    async fn route(&self, name: &Name) -> Result<Option<RouteRow>, StoreError>;
    async fn routes(&self) -> Result<Vec<RouteRow>, StoreError>;
    /// Inserts a revision; the same text again is the same revision.
    async fn apply_plan(
        &self,
        plan: &Plan,
        text: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Revision, StoreError>;
    /// `None` as revision: the newest.
    async fn plan(&self, name: &Name, revision: Option<u32>)
    -> Result<Option<PlanRow>, StoreError>;
    async fn plans(&self) -> Result<Vec<PlanRow>, StoreError>;
    async fn revisions(&self, name: &Name) -> Result<Vec<PlanRow>, StoreError>;

    // Kill switches: a row per route while it stands.

    async fn kill(&self, kill: &Kill) -> Result<(), StoreError>;
    /// `false`: there was none.
    async fn unkill(&self, route: &Name) -> Result<bool, StoreError>;
    async fn kills(&self) -> Result<Vec<Kill>, StoreError>;

    // Instances that carry a route's traffic.

    async fn save_instances(&self, rows: Vec<InstanceRow>) -> Result<(), StoreError>;
    async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError>;
    async fn forget_instance(&self, route: &Name, node: &str) -> Result<bool, StoreError>;

    // Effects that leave through the outbox: at least once, each with one stable id.

    /// Not yet done, oldest first.
    async fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError>;
    async fn outbox_done(&self, id: i64, at: Timestamp) -> Result<(), StoreError>;
    async fn outbox_failed(&self, id: i64, tries: u32, next: Timestamp) -> Result<(), StoreError>;

    // Pushed observations: cumulative counters per route and arm, one transaction with the batch id.

    async fn push(&self, batch: &PushBatch) -> Result<Counted, StoreError>;
    /// All counters of these arms, in one consistent read.
    async fn pushed(
        &self,
        route: &Name,
        arms: &BTreeSet<String>,
    ) -> Result<Vec<PushedCount>, StoreError>;
    /// Counts the users whose first ten minutes are over. A push with users does so too; without one the last ones
    /// would wait for ever.
    async fn count_users(&self, now: Timestamp) -> Result<(), StoreError>;
    /// Drops counters, names and users that nobody has sent for seven days.
    async fn forget_pushed(&self, now: Timestamp) -> Result<(), StoreError>;

    // Tokens: only hashes are kept.

    async fn add_token(&self, token: &TokenRow) -> Result<(), StoreError>;
    /// By hash. `None`: unknown or revoked.
    async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError>;
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    async fn revoke_token(&self, name: &str, at: Timestamp) -> Result<bool, StoreError>;

    // Idempotency of API writes.

    /// The answer stored under this key, if any.
    async fn answered(&self, scope: &str, key: &str) -> Result<Option<Answered>, StoreError>;
    async fn remember(
        &self,
        scope: &str,
        key: &str,
        answer: &Answered,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Resolves when nothing is left to write and the files are closed.
    async fn close(&self);
}
