//! The tokio adapter of the core: clock, store, feed and sources on one side, inputs and operations on the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::core::{Core, Input, Op};
use super::service::Service;
use crate::domain::{Name, RolloutName, human};
use crate::engine::{Ask, From, Past, Phase};
use crate::metrics::Sources;
use crate::plan::{Program, SourceRef};
use crate::store::{Commit, StoreError, Stored};
use crate::traffic::FeedEvent;

/// An instance can stop counting by mere silence: unconfirmed routes are looked at again this often.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);

/// What is asked of the past: an hour, in looks of this length, and an answer within this time.
const HISTORY_LOOKS: u32 = 120;
const HISTORY_LOOK: Duration = Duration::from_secs(30);
const HISTORY_WITHIN: Duration = Duration::from_secs(2);

/// The scheduler while it runs.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Drops the looks of rollouts that ended longer ago than `kept`, now and every few minutes.
    pub fn drop_looks(&mut self, service: Service, kept: Duration) {
        let looks = super::looks::run(service, kept, self.stop.subscribe());
        self.tasks.push(tokio::spawn(looks));
    }

    /// Decides nothing new, lets what is under way be stored, and returns.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Recovers everything that is live and goes on with it.
///
/// # Errors
/// When the store cannot be read at the start.
pub async fn run(
    service: Service,
    inputs: mpsc::UnboundedReceiver<Input>,
    sources: Sources,
) -> Result<Running, StoreError> {
    service.publish_routes().await?;
    for kill in service.store().kills().await? {
        if let Err(error) = service.stop_killed(&kill).await {
            tracing::error!(route = %kill.route, %error, "Could not send back what moves on a killed route");
        }
    }
    for stored in service.store().live(service.now().wall).await? {
        recover(&service, stored);
    }
    let (stop, stopped) = watch::channel(false);
    let adapter = Adapter { service: service.clone(), sources, unsaved: BTreeSet::new() };
    let outbox = super::outbox::run(service.clone(), stopped.clone());
    let pushed = super::pushed::run(service, stopped.clone());
    let tasks = vec![
        tokio::spawn(adapter.run(inputs, stopped)),
        tokio::spawn(outbox),
        tokio::spawn(pushed),
    ];
    Ok(Running { stop, tasks })
}

/// What waits for its route is loaded with it; the others are here already.
fn recover(service: &Service, stored: Stored) {
    let name = stored.name.clone();
    service.report(match stored.state.phase {
        Phase::Completed { .. } | Phase::Reverted { .. } => return,
        Phase::Queued => Input::Changed(name),
        _ => Input::Loaded { name, stored: Some(Box::new(stored)), free_at: None },
    });
}

struct Adapter {
    service: Service,
    sources: Sources,
    /// By route and node: something about them is not stored yet.
    unsaved: BTreeSet<(Name, String)>,
}

impl Adapter {
    async fn run(
        mut self,
        mut inputs: mpsc::UnboundedReceiver<Input>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut core = Core::default();
        let mut events = self.service.feed().events();
        let mut confirm = tokio::time::interval(CONFIRM_EVERY);
        loop {
            let sleep = self.until_next(&core);
            tokio::select! {
                () = told(&mut stopped) => break,
                Some(input) = inputs.recv() => core.input(input, self.service.now()),
                Some(event) = next(&mut events) => self.feed_event(&mut core, event),
                () = tokio::time::sleep(sleep) => {}
                _ = confirm.tick() => {
                    self.save_instances().await;
                    for route in core.unconfirmed() {
                        self.confirm(&mut core, &route);
                    }
                }
            }
            while let Ok(input) = inputs.try_recv() {
                core.input(input, self.service.now());
            }
            self.perform(&mut core);
        }
        self.save_instances().await;
    }

    fn until_next(&self, core: &Core) -> Duration {
        let now = self.service.now().mono;
        core.next_wake().map_or(CONFIRM_EVERY, |at| at.since(now))
    }

    fn feed_event(&mut self, core: &mut Core, event: FeedEvent) {
        match event {
            FeedEvent::Acknowledged { route, .. } => self.confirm(core, &route),
            FeedEvent::HandEdit { route, node: instance, seen } => {
                core.input(Input::HandEdit { route, instance, seen }, self.service.now());
            }
            FeedEvent::Instance(row) => {
                self.unsaved.insert((row.route, row.node));
            }
        }
    }

    fn confirm(&self, core: &mut Core, route: &Name) {
        let confirmation = self.service.feed().confirmation(route);
        if let Some(c) = confirmation.filter(|c| c.confirmed) {
            let input = Input::Confirmed { route: route.clone(), generation: c.generation };
            core.input(input, self.service.now());
        }
    }

    /// What of an instance can wait for a beat: that it was seen, and what it acknowledged.
    async fn save_instances(&mut self) {
        if self.unsaved.is_empty() {
            return;
        }
        match self.service.feed().save(self.unsaved.clone()).await {
            Ok(()) => self.unsaved.clear(),
            Err(error) => tracing::warn!(%error, "Could not save instances, trying again"),
        }
    }

    /// Does what the core wants; showing a rollout may confirm its split, and give more to do at once.
    fn perform(&self, core: &mut Core) {
        loop {
            let ops = core.poll(self.service.now());
            if ops.is_empty() {
                return;
            }
            self.perform_all(core, ops);
        }
    }

    fn perform_all(&self, core: &mut Core, ops: Vec<Op>) {
        let mut commits = Vec::new();
        for op in ops {
            match op {
                Op::Commit { commit, program } => commits.push((*commit, program)),
                Op::Load(name) => self.load(name),
                Op::Read { name, asks, since } => {
                    let (service, sources) = (self.service.clone(), self.sources.clone());
                    tokio::spawn(async move {
                        let answer = sources.read(&asks, since, service.now().wall).await;
                        let lag = sources.lag(&asks);
                        service.report(Input::Read { name, answer, lag });
                    });
                }
                Op::History { name, asks } => self.history(name, asks),
                Op::Flush(flush) => self.flush(*flush),
                Op::Show(stored) => {
                    let waits = stored.state.wish.confirmed_at.is_none();
                    let route = stored.program.route.name.clone();
                    let holds = stored.state.phase.holds_route();
                    self.service.show_live(stored);
                    if waits && holds {
                        self.confirm(core, &route);
                    }
                }
                Op::Forget(name) => self.service.hide_live(&name),
            }
        }
        self.commit(commits);
    }

    fn load(&self, name: crate::domain::RolloutName) {
        let service = self.service.clone();
        tokio::spawn(async move {
            let input = match service.load(&name).await {
                Ok((stored, free_at)) => {
                    Input::Loaded { name, stored: stored.map(Box::new), free_at }
                }
                Err(error) => {
                    tracing::error!(rollout.name = %name, %error, "Could not load `{name}`, trying again");
                    Input::NotLoaded(name)
                }
            };
            service.report(input);
        });
    }

    /// Asks who keeps history, and never for long: the rollout has begun. Counters and levels are apart, so that neither
    /// waits for the other.
    fn history(&self, name: RolloutName, asks: Arc<[Ask]>) {
        self.levels_before(name.clone(), asks.clone());
        self.counted_before(name, asks);
    }

    fn counted_before(&self, name: RolloutName, asks: Arc<[Ask]>) {
        let keepers = keepers(&asks);
        if keepers.is_empty() {
            return;
        }
        let (service, sources) = (self.service.clone(), self.sources.clone());
        tokio::spawn(async move {
            let until = service.now().wall;
            let past = sources.history(&asks, until, HISTORY_LOOKS, HISTORY_LOOK);
            let past = match tokio::time::timeout(HISTORY_WITHIN, past).await {
                Ok(answers) if answers.is_empty() => Err(format!("{keepers}: it had no answer")),
                Ok(answers) => Ok(Past { answers, ..Past::default() }),
                Err(_) => Err(format!("{keepers}: no answer within {}", human(HISTORY_WITHIN))),
            };
            service.report(Input::History { name, past });
        });
    }

    /// A level without a past is judged all the same, and nobody need hear of it.
    fn levels_before(&self, name: RolloutName, asks: Arc<[Ask]>) {
        let (service, sources) = (self.service.clone(), self.sources.clone());
        tokio::spawn(async move {
            let replicas = sources.replicas(&asks, service.now().wall, HISTORY_LOOK);
            let replicas = tokio::time::timeout(HISTORY_WITHIN, replicas).await.unwrap_or_default();
            if !replicas.is_empty() {
                let past = Ok(Past { replicas, ..Past::default() });
                service.report(Input::History { name, past });
            }
        });
    }

    fn flush(&self, flush: crate::store::Flush) {
        let service = self.service.clone();
        tokio::spawn(async move {
            let name = flush.name.clone();
            let expected = flush.expected_version;
            let flushed = match service.store().flush(vec![flush]).await {
                Ok(flushed) => flushed.first().copied().unwrap_or(false),
                Err(error) => {
                    tracing::warn!(rollout.name = %name, %error, "Could not store the looks of `{name}`, trying again");
                    false
                }
            };
            service.report(Input::Flushed { name, version: flushed.then_some(expected + 1) });
        });
    }

    fn commit(&self, batch: Vec<(Commit, Arc<Program>)>) {
        if batch.is_empty() {
            return;
        }
        let service = self.service.clone();
        tokio::spawn(async move {
            let names: Vec<_> = batch.iter().map(|(commit, _)| commit.name.clone()).collect();
            let results = match service.commit(batch).await {
                Ok(results) => results.into_iter().map(Some).collect(),
                Err(error) => {
                    tracing::error!(%error, "Could not store {} decisions, trying again", names.len());
                    vec![None; names.len()]
                }
            };
            for (name, result) in names.into_iter().zip(results) {
                service.report(Input::Committed { name, result });
            }
        });
    }
}

/// The Prometheus servers among the sources, by name: nobody else keeps what was.
fn keepers(asks: &[Ask]) -> String {
    let name = |ask: &Ask| match &ask.from {
        From::Selector { source: SourceRef::Prometheus(name), .. } => Some(name.to_string()),
        _ => None,
    };
    let names: BTreeSet<String> = asks.iter().filter_map(name).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

async fn next(events: &mut Option<mpsc::UnboundedReceiver<FeedEvent>>) -> Option<FeedEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// Resolves when somebody asks to stop.
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
