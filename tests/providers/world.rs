//! A route, the feed that wishes, the listener that serves it, and the subject that follows.

use std::sync::Arc;

use tidegate::clock::SystemClock;
use tidegate::domain::{Generation, Name, Share, Side, Weight};
use tidegate::store::InstanceRow;
use tidegate::traffic::{Feed, FeedEvent, Wished};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::laws::hand_edit;
use crate::subjects::Subject;
use crate::support::provider::Provider;
use crate::support::until;

pub const ROUTE: &str = "shop";

pub struct World<S> {
    pub feed: Feed,
    pub provider: Provider,
    pub subject: S,
    events: UnboundedReceiver<FeedEvent>,
}

pub fn wished<S: Subject>(number: i64, ppm: u32, serving: Side) -> Wished {
    Wished {
        route: Name::new(ROUTE).unwrap(),
        generation: Generation(number),
        share: Share::from_ppm(ppm).unwrap(),
        overrides: Vec::new(),
        serving,
        labels: [Some("v1".to_owned()), Some("v2".to_owned())],
        splitter: S::splitter(),
        salt: ROUTE.to_owned(),
        holder: Some("shop#1".parse().unwrap()),
        yields: false,
    }
}

/// Loaded, with one wish and what the store knew.
pub fn feed<S: Subject>(wish: Wished, rows: Vec<InstanceRow>) -> Feed {
    let feed = Feed::new(Arc::new(SystemClock::default()), rows);
    feed.publish(wish);
    feed.loaded();
    feed
}

impl<S: Subject> World<S> {
    pub async fn start() -> Self {
        let feed = feed::<S>(wished::<S>(1, 0, Side::A), Vec::new());
        let provider = Provider::start(&feed).await;
        let subject = S::start(&provider.url()).await;
        let events = feed.events().unwrap();
        let world = Self { feed, provider, subject, events };
        world.confirms().await;
        world
    }

    /// Another process of ours on the same address, with what the store would give it.
    pub async fn restart_with(&mut self, wish: Wished, rows: Vec<InstanceRow>) {
        self.provider.down();
        self.feed = feed::<S>(wish, rows);
        self.events = self.feed.events().unwrap();
        self.provider.up(&self.feed).await;
    }

    pub fn route(&self) -> Name {
        Name::new(ROUTE).unwrap()
    }

    pub fn wish(&self, number: i64, ppm: u32, serving: Side) {
        assert!(self.feed.publish(wished::<S>(number, ppm, serving)));
    }

    pub async fn follows(&mut self, ppm: u32) {
        until(&format!("{ppm} ppm in force"), async || {
            self.subject.carries(ppm).await.then_some(())
        })
        .await;
    }

    pub async fn settles(&mut self, ppm: u32) {
        until(&format!("a start would begin with {ppm} ppm"), async || {
            self.subject.settled().await.is_none_or(|settled| settled == ppm).then_some(())
        })
        .await;
    }

    pub fn confirmed(&self) -> bool {
        self.feed.confirmation(&self.route()).is_some_and(|c| c.confirmed)
    }

    pub async fn confirms(&self) {
        until("confirmed", async || self.confirmed().then_some(())).await;
    }

    pub fn instance(&self) -> InstanceRow {
        self.feed.instances(&self.route()).into_iter().next().expect("one that polled")
    }

    /// Whatever it has to say by itself, it has said afterwards.
    pub async fn polls_again(&self) {
        if S::ASKS {
            let seen = async || Some(self.feed.instances(&self.route()).first()?.seen);
            let before = seen().await;
            until("another poll", async || (seen().await > before).then_some(())).await;
        }
    }

    /// Those not looked at yet.
    pub fn hand_edits(&mut self) -> Vec<Weight> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        events.filter_map(|event| hand_edit(&event)).collect()
    }

    pub async fn next_hand_edit(&mut self) -> Weight {
        until("a hand is noticed", async || self.hand_edits().first().copied()).await
    }
}
