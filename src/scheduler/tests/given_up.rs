//! Whoever asks may go away at any moment: what was stored is told to the proxies all the same.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::super::{Input, Service, StartRequest, run};
use crate::clock::{Clock, SystemClock};
use crate::domain::{Actor, Generation, Name, RolloutName, Weight};
use crate::engine::{Command, Event, Latch, Phase};
use crate::metrics::{Config, Sources};
use crate::plan::{Document, SourceFile, read};
use crate::store::sqlite::SqliteStore;
use crate::store::{Kill, RouteRow, Store};
use crate::traffic::Feed;

const PLAN: &str = "\
plan: shop
route: { split: { pull: { unit: user, instances: 1 } }, count: push, serves: v1 }
owner: team
inputs: [version]
canary: $version
steps: [{ shift: 5% }, { shift: 100% }]
";

/// More polls than it takes: the last rounds are asked to the end.
const POLLS: usize = 24;

struct World {
    service: Service,
    inputs: UnboundedReceiver<Input>,
    route: Name,
}

impl World {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().await.unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let feed = Feed::new(Arc::clone(&clock), Vec::new());
        let (service, inputs) = Service::new(store, feed, clock);
        let file = SourceFile { path: "shop.yaml", bytes: PLAN.as_bytes() };
        let read = read(&file);
        let plan = read.documents.first().and_then(Document::plan).expect("a plan");
        service.store().apply_plan(plan, PLAN, "ada", service.now().wall).await.unwrap();
        Self { service, inputs, route: Name::new("shop").unwrap() }
    }

    /// A rollout with 5 % wished and told.
    async fn at_five_percent(&self) -> RolloutName {
        let request = StartRequest {
            plan: Name::new("shop").unwrap(),
            revision: None,
            inputs: [("version".to_owned(), "v2".to_owned())].into(),
            by: Actor::engine(),
            from: None,
            because: String::new(),
        };
        let name = self.service.start(request).await.unwrap().name;
        let generation = self.row().await.generation;
        self.service.apply(&name, Event::Started { generation }).await.unwrap();
        name
    }

    async fn row(&self) -> RouteRow {
        self.service.store().route(&self.route).await.unwrap().unwrap()
    }

    fn told(&self) -> Option<Generation> {
        self.service.feed().wished(&self.route).map(|wished| wished.generation)
    }

    async fn phase(&self, name: &RolloutName) -> Phase {
        self.service.store().rollout(name).await.unwrap().unwrap().state.phase
    }

    /// Polls so often, with time for the store in between, and gives up.
    async fn give_up_after(&self, polls: usize, asking: impl Future) {
        let mut asking = pin!(asking);
        for _ in 0..polls {
            if asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                return;
            }
            self.row().await;
        }
    }

    /// So that the next one has the route.
    async fn end(&self, name: &RolloutName) {
        let _ = self.service.command(name, Actor::engine(), revert()).await;
        let generation = self.row().await.generation;
        self.service.apply(name, Event::Confirmed { generation }).await.unwrap();
        assert!(matches!(self.phase(name).await, Phase::Reverted { .. }));
    }
}

fn revert() -> Command {
    Command::Revert { because: "pages are slow".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_whose_asker_went_away_is_stored_and_told() {
    let world = World::new().await;
    for polls in 1..POLLS {
        let name = world.at_five_percent().await;
        let before = world.row().await;
        assert_eq!(before.share.ppm(), Weight::parse_percent("5%").unwrap().ppm());
        let asking = world.service.command(&name, Actor::engine(), revert());
        world.give_up_after(polls, asking).await;
        let told = async {
            while world.told() <= Some(before.generation) {
                tokio::task::yield_now().await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(10), told).await;
        let stored = world.phase(&name).await;
        told.unwrap_or_else(|_| panic!("given up after {polls} polls: {stored:?}, but not told"));
        world.end(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_a_crash_cut_short_is_carried_out_by_the_next_start() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let World { service, inputs, route } = {
        let world = World::new().await;
        world.at_five_percent().await;
        world
    };
    let (by, because) = (Actor::engine(), "pages are slow".to_owned());
    let kill = Kill { route, by, because, at: service.now().wall };
    service.store().kill(&kill).await.unwrap(); // and nothing else: killed right here

    let config = Config::new(Arc::new(|_| Vec::new()), Arc::new(Arc::clone(service.store())));
    let running = run(service.clone(), inputs, Sources::new(config).unwrap()).await.unwrap();
    let row = service.store().route(&kill.route).await.unwrap().unwrap();
    assert_eq!(row.share.ppm(), 0);
    let live = service.store().live(service.now().wall).await.unwrap();
    assert!(live.iter().all(|stored| stored.state.latch == Latch::Kill), "{live:?}");
    running.stop().await;
}
