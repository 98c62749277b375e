//! SQLite: one process, one writer, many readers.
//!
//! Owns: the [`Store`] port over one file in write-ahead-log mode with `synchronous = FULL`.
//! Does not: decide anything. Reads run on a pool of read-only connections; every write is a request to the
//! [`writer`], which commits whatever waits in one transaction.

mod cells;
mod fault;
mod instances;
mod kills;
mod looks;
mod open;
mod outbox;
mod plans;
mod push_users;
mod pushed;
mod rollouts;
mod routes;
mod sql;
mod tokens;
mod transitions;
mod write;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use self::fault::Fault;
use self::write::Write;
use self::writer::{Task, Writer};
use super::{
    Answered, Applied, Commit, Committed, Counted, Flush, InstanceRow, JournalEnd, JournalLine,
    KeptLooks, Kill, ListFilter, NewRollout, OutboxRow, PlanRow, PushBatch, PushedCount, Revision,
    RouteRow, Started, Store, StoreError, Stored, Summary, TokenRow,
};
use crate::domain::{Name, RolloutName, Timestamp};
use crate::plan::{Plan, Route};

/// How long done work is remembered: batch ids, answers, outbox rows.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    /// `None` in memory, where reads wait in the writer's queue.
    readers: Option<SqlitePool>,
}

impl SqliteStore {
    /// Opens `tidegate.db` in `dir`; makes both if they are not there.
    ///
    /// # Errors
    /// When another process has the directory, it cannot be written, or the schema is not one this version knows.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = open::lock(dir)?;
        let options = SqliteConnectOptions::new().filename(dir.join("tidegate.db"));
        let conn = open::writer(options.clone()).await?;
        let readers = Some(open::readers(options));
        Ok(Self { writer: Writer::start(conn, Some(lock)), readers })
    }

    /// For tests: gone when dropped. There is one connection, for a second one would see another database.
    ///
    /// # Errors
    /// When the schema cannot be made.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let conn = open::writer(SqliteConnectOptions::new().in_memory(true)).await?;
        Ok(Self { writer: Writer::start(conn, None), readers: None })
    }

    async fn read<T, F>(&self, doing: &'static str, task: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Task<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        let Some(pool) = &self.readers else { return self.write(doing, task).await };
        let read = async { task(&mut *pool.acquire().await?).await };
        read.await.map_err(|fault: Fault| fault.while_(doing))
    }

    async fn write<T, F>(&self, doing: &'static str, task: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Task<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.task(task).await.map_err(|fault| fault.while_(doing))
    }

    async fn transitions(
        &self,
        doing: &'static str,
        writes: Vec<Write>,
    ) -> Result<Vec<Committed>, StoreError> {
        self.writer.transitions(writes).await.map_err(|fault| fault.while_(doing))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Vec<Commit>) -> Result<Vec<Committed>, StoreError> {
        let writes = batch.into_iter().map(Write::commit).collect::<Result<_, _>>()?;
        self.transitions("storing a transition", writes).await
    }

    async fn start(&self, new: NewRollout) -> Result<Started, StoreError> {
        self.write("starting a rollout", |c| Box::pin(rollouts::start(c, new))).await
    }

    async fn rollout(&self, name: &RolloutName) -> Result<Option<Stored>, StoreError> {
        let name = name.clone();
        self.read("loading a rollout", |c| Box::pin(rollouts::load(c, name))).await
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Stored>, StoreError> {
        self.read("loading live rollouts", move |c| Box::pin(rollouts::live(c, now))).await
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<Summary>, StoreError> {
        let filter = filter.clone();
        self.read("listing rollouts", |c| Box::pin(rollouts::list(c, filter))).await
    }

    async fn journal(
        &self,
        name: &RolloutName,
        after: i64,
        limit: u32,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let name = name.clone();
        self.read("reading a journal", move |c| Box::pin(rollouts::journal(c, name, after, limit)))
            .await
    }

    async fn journals(&self) -> Result<Vec<JournalEnd>, StoreError> {
        self.read("listing journals", |c| Box::pin(rollouts::ends(c))).await
    }

    async fn flush(&self, batch: Vec<Flush>) -> Result<Vec<bool>, StoreError> {
        let writes = batch.into_iter().map(Write::flush).collect::<Result<_, _>>()?;
        let flushed = self.transitions("storing evidence", writes).await?;
        Ok(flushed.iter().map(|f| matches!(f, Committed::Stored(_))).collect())
    }

    async fn looks(
        &self,
        name: &RolloutName,
        after: u64,
        limit: u32,
    ) -> Result<Vec<KeptLooks>, StoreError> {
        let name = name.clone();
        self.read("reading looks", move |c| Box::pin(looks::page(c, name, after, limit))).await
    }

    async fn drop_looks(&self, ended_before: Timestamp) -> Result<bool, StoreError> {
        self.write("dropping looks", move |c| Box::pin(looks::drop_one(c, ended_before))).await
    }

    async fn apply_route(&self, route: &Route, at: Timestamp) -> Result<Applied, StoreError> {
        let route = route.clone();
        self.write("applying a route", move |c| Box::pin(routes::apply(c, route, at))).await
    }

    async fn route(&self, name: &Name) -> Result<Option<RouteRow>, StoreError> {
        let name = name.clone();
        self.read("loading a route", |c| Box::pin(routes::load(c, name))).await
    }

    async fn routes(&self) -> Result<Vec<RouteRow>, StoreError> {
        self.read("loading routes", |c| Box::pin(routes::all(c))).await
    }

    async fn apply_plan(
        &self,
        plan: &Plan,
        text: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<Revision, StoreError> {
        let (plan, text, by) = (plan.clone(), text.to_owned(), by.to_owned());
        self.write("applying a plan", move |c| Box::pin(plans::apply(c, plan, text, by, at))).await
    }

    async fn plan(
        &self,
        name: &Name,
        revision: Option<u32>,
    ) -> Result<Option<PlanRow>, StoreError> {
        let name = name.clone();
        self.read("loading a plan", move |c| Box::pin(plans::load(c, name, revision))).await
    }

    async fn plans(&self) -> Result<Vec<PlanRow>, StoreError> {
        self.read("loading plans", |c| Box::pin(plans::all(c))).await
    }

    async fn revisions(&self, name: &Name) -> Result<Vec<PlanRow>, StoreError> {
        let name = name.clone();
        self.read("loading revisions", |c| Box::pin(plans::revisions(c, name))).await
    }

    async fn kill(&self, kill: &Kill) -> Result<(), StoreError> {
        let kill = kill.clone();
        self.write("storing a kill", |c| Box::pin(kills::kill(c, kill))).await
    }

    async fn unkill(&self, route: &Name) -> Result<bool, StoreError> {
        let route = route.clone();
        self.write("removing a kill", |c| Box::pin(kills::unkill(c, route))).await
    }

    async fn kills(&self) -> Result<Vec<Kill>, StoreError> {
        self.read("loading kills", |c| Box::pin(kills::all(c))).await
    }

    async fn save_instances(&self, rows: Vec<InstanceRow>) -> Result<(), StoreError> {
        self.write("storing instances", |c| Box::pin(instances::save(c, rows))).await
    }

    async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        self.read("loading instances", |c| Box::pin(instances::all(c))).await
    }

    async fn forget_instance(&self, route: &Name, node: &str) -> Result<bool, StoreError> {
        let (route, node) = (route.clone(), node.to_owned());
        self.write("forgetting an instance", |c| Box::pin(instances::forget(c, route, node))).await
    }

    async fn outbox(&self) -> Result<Vec<OutboxRow>, StoreError> {
        self.read("loading the outbox", |c| Box::pin(outbox::open(c))).await
    }

    async fn outbox_done(&self, id: i64, at: Timestamp) -> Result<(), StoreError> {
        self.write("clearing the outbox", move |c| Box::pin(outbox::done(c, id, at))).await
    }

    async fn outbox_failed(&self, id: i64, tries: u32, next: Timestamp) -> Result<(), StoreError> {
        self.write("noting a failed effect", move |c| Box::pin(outbox::failed(c, id, tries, next)))
            .await
    }

    async fn push(&self, batch: &PushBatch) -> Result<Counted, StoreError> {
        let batch = batch.clone();
        self.write("counting observations", |c| Box::pin(pushed::push(c, batch))).await
    }

    async fn pushed(
        &self,
        route: &Name,
        arms: &BTreeSet<String>,
    ) -> Result<Vec<PushedCount>, StoreError> {
        let (route, arms) = (route.clone(), arms.clone());
        self.read("loading pushed counts", |c| Box::pin(pushed::counts(c, route, arms))).await
    }

    async fn count_users(&self, now: Timestamp) -> Result<(), StoreError> {
        let doing = "counting users";
        if !self.read(doing, move |c| Box::pin(push_users::any_ripe(c, now))).await? {
            return Ok(());
        }
        self.write(doing, move |c| Box::pin(push_users::mature(c, now))).await
    }

    async fn forget_pushed(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("forgetting old counters", move |c| Box::pin(pushed::forget(c, now))).await
    }

    async fn add_token(&self, token: &TokenRow) -> Result<(), StoreError> {
        let token = token.clone();
        self.write("storing a token", |c| Box::pin(tokens::add(c, token))).await
    }

    async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let hash = *hash;
        self.read("looking up a token", move |c| Box::pin(tokens::by_hash(c, hash))).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.read("loading tokens", |c| Box::pin(tokens::all(c))).await
    }

    async fn revoke_token(&self, name: &str, at: Timestamp) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write("revoking a token", move |c| Box::pin(tokens::revoke(c, name, at))).await
    }

    async fn answered(&self, scope: &str, key: &str) -> Result<Option<Answered>, StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.read("looking up an answer", |c| Box::pin(tokens::answered(c, scope, key))).await
    }

    async fn remember(
        &self,
        scope: &str,
        key: &str,
        answer: &Answered,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (scope, key, answer) = (scope.to_owned(), key.to_owned(), answer.clone());
        self.write("keeping an answer", move |c| {
            Box::pin(tokens::remember(c, scope, key, answer, at))
        })
        .await
    }

    async fn close(&self) {
        if let Some(pool) = &self.readers {
            pool.close().await;
        }
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
