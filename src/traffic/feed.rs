//! The one feed of wished splits, which every dialect serves.
//!
//! Owns: the newest wish of every route, polls held until something newer, what each instance has acknowledged, and
//! that it is written down before an instance is told a weight.
//! Does not: store wishes; it is fed after each commit. What else must be kept leaves as [`FeedEvent`]s.
//! Invariant: an older generation never follows a newer one, neither here nor at an instance (L5). After a crash the
//! store knows everybody who may carry the canary: a revert waits for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::confirm::{self, Asked, Confirmation, Follower, SILENT_AFTER};
use super::instance::{At, Instance};
use super::observe;
use super::split::{FeedEvent, Poll, Polled, Wished};
use crate::clock::{Clock, Mono};
use crate::domain::{Generation, Name, Share};
use crate::plan::Splitter;
use crate::store::{InstanceRow, Store, StoreError};

/// Shares of earlier generations are remembered this far back, to tell a hand edit from an old wish.
const REMEMBERED: usize = 32;

/// The wishes of all flag routes by flag, at one moment. Never changed, only replaced.
pub type Flags = BTreeMap<Name, Arc<Wished>>;

/// Cheap to clone: all clones are one feed.
#[derive(Clone, Debug)]
pub struct Feed {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    started: Mono,
    loaded: AtomicBool,
    known: Mutex<Known>,
    flags: RwLock<Arc<Flags>>,
    /// Where instances are kept. `None`: nowhere, and then nothing survives us.
    store: Option<Arc<dyn Store>>,
    /// Held from reading rows to storing them, so that an older row never follows a newer.
    saving: tokio::sync::Mutex<()>,
    events: mpsc::UnboundedSender<FeedEvent>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<FeedEvent>>>,
}

#[derive(Debug, Default)]
struct Known {
    routes: BTreeMap<Name, Route>,
    instances: BTreeMap<Name, BTreeMap<String, Instance>>,
}

#[derive(Debug)]
struct Route {
    wished: Wished,
    past: VecDeque<(Generation, Share)>,
    wake: watch::Sender<()>,
}

/// How a poll that is owed the wish gets it.
enum Told {
    Now(Box<Wished>),
    /// First it must be stored that the instance may carry it.
    OnceKept,
}

impl Feed {
    /// What the store knows of instances, and where more about them is kept. Until [`Feed::loaded`] is called the
    /// dialects answer 503, never "no such route".
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let instances = store.instances().await?;
        Ok(Self::with(clock, instances, Some(store)))
    }

    /// As [`Feed::open`], for one that keeps nothing.
    pub fn new(clock: Arc<dyn Clock>, instances: Vec<InstanceRow>) -> Self {
        Self::with(clock, instances, None)
    }

    fn with(
        clock: Arc<dyn Clock>,
        instances: Vec<InstanceRow>,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let mut known = Known::default();
        for row in instances {
            let nodes = known.instances.entry(row.route.clone()).or_default();
            nodes.insert(row.node.clone(), Instance::stored(row));
        }
        let inner = Inner {
            started: clock.mono(),
            clock,
            loaded: AtomicBool::new(false),
            known: Mutex::new(known),
            flags: RwLock::default(),
            store,
            saving: tokio::sync::Mutex::default(),
            events,
            receiver: Mutex::new(Some(receiver)),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Every stored route is published: an unknown one is unknown indeed.
    pub fn loaded(&self) {
        self.inner.loaded.store(true, Ordering::Release);
    }

    pub fn is_loaded(&self) -> bool {
        self.inner.loaded.load(Ordering::Acquire)
    }

    /// Makes `wished` the split every instance is told, and wakes held polls. An older generation than the known one
    /// changes nothing, nor does another share under the same generation: `false` (L5).
    ///
    /// A segment that the splitter cannot keep apart puts everybody on the serving side.
    pub fn publish(&self, wished: Wished) -> bool {
        let wished = wished.expressible();
        let (route, generation) = (wished.route.clone(), wished.generation);
        let at_once = observe::awaited(&wished).is_none();
        let mut known = self.known();
        let before = known.flag_of(&route);
        if !known.publish(wished) {
            tracing::warn!(%route, %generation, "Ignored an older split of `{route}`");
            return false;
        }
        // Under the same lock, so that two publishers cannot leave the older answer behind.
        self.replace_flag(before, known.routes.get(&route));
        drop(known);
        if at_once {
            self.emit(FeedEvent::Acknowledged { route, generation });
        }
        true
    }

    pub fn remove(&self, route: &Name) {
        let mut known = self.known();
        let before = known.flag_of(route);
        known.routes.remove(route);
        self.replace_flag(before, None);
    }

    pub fn wished(&self, route: &Name) -> Option<Wished> {
        self.known().routes.get(route).map(|route| route.wished.clone())
    }

    /// By name.
    pub fn all(&self) -> Vec<Wished> {
        self.known().routes.values().map(|route| route.wished.clone()).collect()
    }

    /// A snapshot to evaluate flags from; no lock is held afterwards.
    pub fn flags(&self) -> Arc<Flags> {
        Arc::clone(&self.inner.flags.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what the instance says, then answers as soon as there is something to tell it, at the latest after `hold`.
    pub async fn poll(&self, poll: Poll, hold: Duration) -> Polled {
        let Some(mut wake) = self.arrive(&poll) else { return Polled::Unknown };
        let deadline = tokio::time::sleep(hold);
        tokio::pin!(deadline);
        loop {
            wake.borrow_and_update();
            match self.hand_out(&poll) {
                Some(Told::Now(wished)) => return Polled::Split(wished),
                // Something newer may have been wished meanwhile.
                Some(Told::OnceKept) if self.keep(&poll).await => continue,
                Some(Told::OnceKept) | None => {}
            }
            tokio::select! {
                changed = wake.changed() => if changed.is_err() { return Polled::Unknown },
                () = &mut deadline => return Polled::Unchanged,
            }
        }
    }

    /// Stores these instances as they are when their turn has come.
    ///
    /// # Errors
    /// When the store does not take them; nobody is told a weight that is not kept.
    pub async fn save(
        &self,
        who: impl IntoIterator<Item = (Name, String)>,
    ) -> Result<(), StoreError> {
        let Some(store) = &self.inner.store else { return Ok(()) };
        let _turn = self.inner.saving.lock().await;
        let rows: Vec<_> = {
            let known = self.known();
            let row = |(route, node)| Some(known.instances.get(&route)?.get(&node)?.row.clone());
            who.into_iter().filter_map(row).collect()
        };
        store.save_instances(rows.clone()).await?;
        let mut known = self.known();
        for row in rows {
            let nodes = known.instances.get_mut(&row.route);
            if let Some(instance) = nodes.and_then(|nodes| nodes.get_mut(&row.node)) {
                instance.kept(row);
            }
        }
        Ok(())
    }

    async fn keep(&self, poll: &Poll) -> bool {
        match self.save([(poll.route.clone(), poll.node.clone())]).await {
            Ok(()) => true,
            Err(error) => {
                let (route, node) = (&poll.route, &poll.node);
                tracing::warn!(%route, %error, "Told {node} no new split: who carries it could not be stored");
                false
            }
        }
    }

    /// Those that follow a route, by node.
    pub fn instances(&self, route: &Name) -> Vec<InstanceRow> {
        let known = self.known();
        known.instances.get(route).into_iter().flatten().map(|(_, i)| i.row.clone()).collect()
    }

    /// Stops waiting for an instance that will not come back. `false`: there is none of that name.
    pub fn forget(&self, route: &Name, node: &str) -> bool {
        let mut known = self.known();
        let gone = known.instances.get_mut(route).and_then(|nodes| nodes.remove(node)).is_some();
        if gone && let Some(Route { wished, .. }) = known.routes.get(route) {
            let generation = wished.generation;
            self.emit(FeedEvent::Acknowledged { route: route.clone(), generation });
        }
        gone
    }

    /// What happens from now on, and what happened since the start. There is one reader: `None` the second time.
    pub fn events(&self) -> Option<mpsc::UnboundedReceiver<FeedEvent>> {
        self.inner.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How far the newest split of a route has got. It can change by mere time: an instance falls silent.
    pub fn confirmation(&self, route: &Name) -> Option<Confirmation> {
        let known = self.known();
        let wished = &known.routes.get(route)?.wished;
        let (generation, weight) = (wished.generation, wished.idle_weight());
        let Some(expected) = observe::awaited(wished) else {
            return Some(Confirmation::at_once(generation));
        };
        let now = self.inner.clock.mono();
        let nodes = known.instances.get(route).into_iter().flat_map(BTreeMap::values);
        let followers: Vec<_> = nodes.map(|i| self.follower(i, wished, now)).collect();
        let asked = Asked { generation, weight, expected, apart_since: wished.apart_since() };
        Some(confirm::confirm(asked, route.as_str(), &followers))
    }

    fn follower<'a>(&self, instance: &'a Instance, wished: &Wished, now: Mono) -> Follower<'a> {
        let silent = now.since(instance.polled.unwrap_or(self.inner.started));
        Follower {
            node: &instance.row.node,
            acknowledged: instance.row.acknowledged,
            live: instance.polled.is_some() && silent < SILENT_AFTER,
            silent,
            served: instance.served(wished),
        }
    }

    /// Records a poll; the route's wake-up, or `None` where there is no such route.
    fn arrive(&self, poll: &Poll) -> Option<watch::Receiver<()>> {
        let at = At { wall: self.inner.clock.wall(), mono: self.inner.clock.mono() };
        let mut known = self.known();
        let Known { routes, instances } = &mut *known;
        let route = routes.get(&poll.route)?;
        let nodes = instances.entry(poll.route.clone()).or_default();
        let instance = nodes.entry(poll.node.clone()).or_insert_with(|| Instance::new(poll, at));
        let news = instance.arrive(poll, &route.wished, route.told(poll.have), at);
        if let Some(row) = instance.unsaved() {
            self.emit(FeedEvent::Instance(row));
        }
        if let Some(seen) = news.hand_edit {
            let (route, node) = (poll.route.clone(), poll.node.clone());
            self.emit(FeedEvent::HandEdit { route, node, seen });
        }
        if news.acknowledged {
            let (route, generation) = (poll.route.clone(), route.wished.generation);
            self.emit(FeedEvent::Acknowledged { route, generation });
        }
        Some(route.wake.subscribe())
    }

    /// The wish, if this poll is owed it. That it was told is noted first: the answer may arrive even if we fail now.
    fn hand_out(&self, poll: &Poll) -> Option<Told> {
        let mut known = self.known();
        let Known { routes, instances } = &mut *known;
        let wished = &routes.get(&poll.route)?.wished;
        let instance = instances.get_mut(&poll.route)?.get_mut(&poll.node)?;
        if !instance.owed(poll, wished, self.inner.clock.mono()) {
            return None;
        }
        instance.told(wished);
        if let Some(row) = instance.unsaved() {
            self.emit(FeedEvent::Instance(row));
        }
        // A way back is told at once, whatever the store does: it exposes nobody.
        let keeps = self.inner.store.is_some();
        Some(if keeps && !instance.is_kept(wished) {
            Told::OnceKept
        } else {
            Told::Now(Box::new(wished.clone()))
        })
    }

    /// Copies the snapshot only while somebody still looks at the old one.
    fn replace_flag(&self, before: Option<Name>, after: Option<&Route>) {
        let after = after.and_then(|route| Some((route.flag()?, Arc::new(route.wished.clone()))));
        if before.is_none() && after.is_none() {
            return;
        }
        let mut flags = self.inner.flags.write().unwrap_or_else(PoisonError::into_inner);
        let flags = Arc::make_mut(&mut flags);
        if let Some(before) = before {
            flags.remove(&before);
        }
        flags.extend(after);
    }

    /// Nobody listening means that the service is ending.
    fn emit(&self, event: FeedEvent) {
        let _ = self.inner.events.send(event);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn flag_of(&self, route: &Name) -> Option<Name> {
        self.routes.get(route).and_then(Route::flag)
    }

    fn publish(&mut self, wished: Wished) -> bool {
        let Some(route) = self.routes.get_mut(&wished.route) else {
            self.routes.insert(wished.route.clone(), Route::new(wished));
            return true;
        };
        let known = &route.wished;
        let same = wished.generation == known.generation
            && wished.share == known.share
            && wished.overrides == known.overrides;
        if wished.generation <= known.generation && !same {
            return false;
        }
        for instance in self.instances.entry(wished.route.clone()).or_default().values_mut() {
            instance.published(&wished);
        }
        if !same {
            route.past.truncate(REMEMBERED - 1);
            route.past.push_front((known.generation, known.share));
        }
        route.wished = wished;
        route.wake.send_replace(());
        true
    }
}

impl Route {
    fn new(wished: Wished) -> Self {
        Self { wished, past: VecDeque::new(), wake: watch::Sender::new(()) }
    }

    fn flag(&self) -> Option<Name> {
        match &self.wished.splitter {
            Splitter::Flag { flag, .. } => Some(flag.clone()),
            Splitter::Haproxy { .. } | Splitter::Pull { .. } | Splitter::Observe => None,
        }
    }

    /// The share of a generation.
    fn told(&self, have: Option<Generation>) -> Option<Share> {
        let have = have?;
        if have == self.wished.generation {
            return Some(self.wished.share);
        }
        self.past.iter().find(|(generation, _)| *generation == have).map(|(_, share)| *share)
    }
}

#[cfg(test)]
mod tests;
