//! The one way a decision becomes true: load, decide, commit, publish, tell. Handlers, outbox and core all go through it.
//!
//! Invariant: what is committed is published too, even if whoever asked for it goes away in between.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Notify, broadcast, mpsc};

use super::commit::commit;
use super::core::{Input, Now};
use crate::clock::Clock;
use crate::domain::{Actor, Generation, Name, RolloutName, Timestamp};
use crate::engine::{Command, Event, Phase, decide};
use crate::plan::Program;
use crate::store::{Commit, Committed, Kill, RouteRow, Store, StoreError, Stored};
use crate::traffic::{Feed, Wished};

/// Decisions that lost this many races in a row give up: somebody commits without pause.
const MOST_RACES: usize = 32;

/// Something people may want to see at once.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Change {
    pub rollout: RolloutName,
    pub route: Name,
    /// The journal line's kind, or `look` for new numbers that changed nothing else.
    pub kind: String,
    pub text: String,
    pub at: Timestamp,
    pub phase: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("there is no rollout {0}")]
    NotFound(RolloutName),
    /// The rollout is not where this can be done; the text says what to do instead.
    #[error("{0}")]
    Refused(String),
    #[error("the rollout changes too fast; try again")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Cheap to clone: all clones are one service.
#[derive(Clone, Debug)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    feed: Feed,
    clock: Arc<dyn Clock>,
    inputs: mpsc::UnboundedSender<Input>,
    changes: broadcast::Sender<Change>,
    /// Live rollouts with what is not stored yet: what people see.
    live: RwLock<BTreeMap<RolloutName, Arc<Stored>>>,
    outbox: Notify,
}

impl Service {
    /// The receiver belongs to [`super::run`].
    pub fn new(
        store: Arc<dyn Store>,
        feed: Feed,
        clock: Arc<dyn Clock>,
    ) -> (Self, mpsc::UnboundedReceiver<Input>) {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let (changes, _) = broadcast::channel(1024);
        let live = RwLock::default();
        let inner = Inner { store, feed, clock, inputs, changes, live, outbox: Notify::new() };
        (Self { inner: Arc::new(inner) }, receiver)
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    pub fn feed(&self) -> &Feed {
        &self.inner.feed
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub fn now(&self) -> Now {
        Now { wall: self.inner.clock.wall(), mono: self.inner.clock.mono() }
    }

    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes.subscribe()
    }

    /// Reports to the core; without one running it is lost, and the next start finds everything in the store.
    pub(super) fn report(&self, input: Input) {
        let _ = self.inner.inputs.send(input);
    }

    pub(super) async fn outbox_filled(&self) {
        self.inner.outbox.notified().await;
    }

    /// A rollout with its newest numbers.
    pub async fn show(&self, name: &RolloutName) -> Result<Option<Arc<Stored>>, StoreError> {
        if let Some(stored) = self.live(name) {
            return Ok(Some(stored));
        }
        Ok(self.inner.store.rollout(name).await?.map(Arc::new))
    }

    /// As the core has it in memory, with looks that are not stored yet.
    fn live(&self, name: &RolloutName) -> Option<Arc<Stored>> {
        self.inner.live.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Decides what `event` means for a rollout now, and makes it true. Answers after the commit.
    ///
    /// # Errors
    /// When there is no such rollout, when it refuses a command, or when the store does.
    pub async fn apply(&self, name: &RolloutName, event: Event) -> Result<Arc<Stored>, ApplyError> {
        let (service, name) = (self.clone(), name.clone());
        to_its_end(async move { service.apply_one(&name, event).await }).await
    }

    async fn apply_one(&self, name: &RolloutName, event: Event) -> Result<Arc<Stored>, ApplyError> {
        for _ in 0..MOST_RACES {
            let stored = self.inner.store.rollout(name).await?;
            let stored = stored.ok_or_else(|| ApplyError::NotFound(name.clone()))?;
            let stored = self.with_looks(stored);
            self.may_be_taken_back(&stored).await?;
            let now = self.inner.clock.wall();
            let decided = decide(&stored.program, &stored.state, &event, now);
            if let Some(why) = decided.refused {
                return Err(ApplyError::Refused(format!("{name}: {why}")));
            }
            if decided.next == stored.state && decided.entries.is_empty() {
                return Ok(Arc::new(stored));
            }
            let commit = commit(&stored, &event, decided, stored.memory.clone(), now);
            let next = Stored { state: commit.state.clone(), ..stored };
            let results = self.commit(vec![(commit, next.program.clone())]).await?;
            match results.first() {
                Some(Committed::Stored(version)) => {
                    self.report(Input::Changed(name.clone()));
                    let memory = next.memory.stored();
                    return Ok(Arc::new(Stored { version: *version, memory, ..next }));
                }
                Some(Committed::Killed) => {
                    let route = &next.program.route.name;
                    return Err(ApplyError::Refused(format!(
                        "{route} is killed; `tidegate unkill {route}` first"
                    )));
                }
                Some(Committed::Stale) | None => {}
            }
        }
        Err(ApplyError::Busy)
    }

    /// With the looks that changed nothing else and are not stored yet: a command must not undo what was seen.
    fn with_looks(&self, stored: Stored) -> Stored {
        let live = self.live(&stored.name).filter(|live| live.version == stored.version);
        live.map_or(stored, |live| Stored::clone(&live))
    }

    /// A completed rollout is the route's past once another has held it: going back to before it would skip that one.
    async fn may_be_taken_back(&self, stored: &Stored) -> Result<(), ApplyError> {
        if !matches!(stored.state.phase, Phase::Completed { .. }) {
            return Ok(());
        }
        let route = &stored.program.route.name;
        let row = self.inner.store.route(route).await?;
        if row.is_some_and(|row| row.last_completed.as_ref() == Some(&stored.name)) {
            return Ok(());
        }
        let (name, baseline) = (&stored.name, &stored.program.baseline);
        let why = format!(
            "{name}: {route} has been rolled out again since; start a rollout of {baseline} instead"
        );
        Err(ApplyError::Refused(why))
    }

    pub async fn command(
        &self,
        name: &RolloutName,
        by: Actor,
        command: Command,
    ) -> Result<Arc<Stored>, ApplyError> {
        self.apply(name, Event::Command { by, command }).await
    }

    /// Pulls the kill switch of a route: the row first, so that nothing raises it any more, then its rollouts go back.
    pub async fn kill(&self, kill: Kill) -> Result<Vec<RolloutName>, ApplyError> {
        let service = self.clone();
        to_its_end(async move { service.kill_all(kill).await }).await
    }

    async fn kill_all(&self, kill: Kill) -> Result<Vec<RolloutName>, ApplyError> {
        self.inner.store.kill(&kill).await?;
        self.stop_killed(&kill).await
    }

    /// Sends back what moves on a killed route; repeated at a start, for a crash may have come between row and rollouts.
    pub(super) async fn stop_killed(&self, kill: &Kill) -> Result<Vec<RolloutName>, ApplyError> {
        let mut stopped = Vec::new();
        let live = self.inner.store.live(kill.at).await?;
        for stored in live.iter().filter(|s| s.program.route.name == kill.route) {
            let command = Command::Kill { because: kill.because.clone() };
            match self.command(&stored.name, kill.by.clone(), command).await {
                Ok(_) => stopped.push(stored.name.clone()),
                Err(ApplyError::Refused(_) | ApplyError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stopped)
    }

    /// Stores decisions and does what follows from those that were taken.
    pub(super) async fn commit(
        &self,
        batch: Vec<(Commit, Arc<Program>)>,
    ) -> Result<Vec<Committed>, StoreError> {
        let commits = batch.iter().map(|(commit, _)| commit.clone()).collect();
        let results = self.inner.store.commit(commits).await?;
        for ((commit, program), result) in batch.iter().zip(&results) {
            if matches!(result, Committed::Stored(_)) {
                self.publish(commit, program);
                self.tell(commit, program);
            }
        }
        Ok(results)
    }

    /// The feed hears of it first: a revert is on its way to the proxies before anybody is told.
    fn publish(&self, commit: &Commit, program: &Program) {
        let route = &program.route.name;
        let known = self.inner.feed.wished(route);
        let yields = commit.state.yields;
        let Some(change) = &commit.route else {
            if let Some(known) = known.filter(|w| w.yields != yields) {
                self.inner.feed.publish(Wished { yields, ..known });
            }
            return;
        };
        let salt = change.holder.as_ref().map_or_else(|| route.to_string(), ToString::to_string);
        self.inner.feed.publish(Wished {
            route: route.clone(),
            generation: change.generation,
            share: change.share,
            overrides: change.overrides.clone(),
            serving: change.serving,
            labels: change.labels.clone(),
            splitter: program.route.split.clone(),
            salt,
            holder: change.holder.clone(),
            yields,
        });
    }

    fn tell(&self, commit: &Commit, program: &Program) {
        for entry in &commit.entries {
            let (name, kind, text) = (&commit.name, &entry.kind, &entry.text);
            tracing::info!(rollout.name = %name, kind, by = %entry.by, "{name}: {text}");
            self.change(Change {
                rollout: name.clone(),
                route: program.route.name.clone(),
                kind: kind.clone(),
                text: text.clone(),
                at: entry.at,
                phase: commit.state.phase.word(),
            });
        }
        if !commit.effects.is_empty() {
            self.inner.outbox.notify_one();
        }
    }

    fn change(&self, change: Change) {
        let _ = self.inner.changes.send(change); // Nobody listens: nothing is lost, the journal has it.
    }

    /// People may see this from now on.
    pub(super) fn show_live(&self, stored: Arc<Stored>) {
        let change = Change {
            rollout: stored.name.clone(),
            route: stored.program.route.name.clone(),
            kind: "look".to_owned(),
            text: stored.state.finding.as_ref().map_or(String::new(), |f| f.sentence().to_owned()),
            at: self.inner.clock.wall(),
            phase: stored.state.phase.word(),
        };
        let mut live = self.inner.live.write().unwrap_or_else(PoisonError::into_inner);
        live.insert(stored.name.clone(), stored);
        drop(live);
        self.change(change);
    }

    pub(super) fn hide_live(&self, name: &RolloutName) {
        self.inner.live.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// A rollout as stored, and its route's generation while nobody holds it.
    pub(super) async fn load(
        &self,
        name: &RolloutName,
    ) -> Result<(Option<Stored>, Option<Generation>), StoreError> {
        let Some(mut stored) = self.inner.store.rollout(name).await? else {
            return Ok((None, None));
        };
        let row = self.inner.store.route(&stored.program.route.name).await?;
        if !matches!(stored.state.phase, Phase::Queued) {
            self.publish_again(&stored, row);
            return Ok((Some(stored), None));
        }
        let free = match row.filter(|row| row.holder.is_none()) {
            Some(row) if self.is_next(&stored).await? => row,
            _ => return Ok((Some(stored), None)),
        };
        stored.program = Arc::new(on_free_side(&stored.program, &free));
        Ok((Some(stored), Some(free.generation)))
    }

    /// A commit whose answer was lost may have happened: what is stored is what must be told.
    fn publish_again(&self, stored: &Stored, row: Option<RouteRow>) {
        let ours = |row: &RouteRow| row.holder.as_ref().is_none_or(|holder| *holder == stored.name);
        if let Some(row) = row.filter(ours) {
            let yields = row.holder.is_some() && stored.state.yields;
            self.publish_row(row, yields);
        }
    }

    /// Whether nobody has waited for its route for longer.
    async fn is_next(&self, stored: &Stored) -> Result<bool, StoreError> {
        let since = |s: &Stored| (s.state.started_at, s.name.number);
        let live = self.inner.store.live(self.inner.clock.wall()).await?;
        let waits = |s: &&Stored| {
            s.program.route.name == stored.program.route.name
                && matches!(s.state.phase, Phase::Queued)
        };
        Ok(live.iter().filter(waits).all(|other| since(other) >= since(stored)))
    }

    /// Feeds every route to those who ask for it.
    pub async fn publish_routes(&self) -> Result<(), StoreError> {
        for row in self.inner.store.routes().await? {
            let holder = match &row.holder {
                Some(name) => self.inner.store.rollout(name).await?,
                None => None,
            };
            self.publish_row(row, holder.is_some_and(|s| s.state.yields));
        }
        self.inner.feed.loaded();
        Ok(())
    }

    pub(super) fn publish_row(&self, row: RouteRow, yields: bool) {
        let salt =
            row.holder.as_ref().map_or_else(|| row.route.name.to_string(), ToString::to_string);
        self.inner.feed.publish(Wished {
            route: row.route.name,
            generation: row.generation,
            share: row.share,
            overrides: row.overrides,
            serving: row.serving,
            labels: row.labels,
            splitter: row.route.split,
            salt,
            holder: row.holder,
            yields,
        });
    }
}

/// Does all of it, or nothing: a client that hangs up ends the future of its handler wherever it is.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is ending, and everything with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// What waited in a queue learns only now which side is idle, and what the other one serves.
fn on_free_side(program: &Program, row: &RouteRow) -> Program {
    let serving = row.labels[row.serving.index()].clone();
    Program {
        canary_side: row.serving.other(),
        baseline: serving.unwrap_or_else(|| program.baseline.clone()),
        ..program.clone()
    }
}
