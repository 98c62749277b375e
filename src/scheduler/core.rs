//! What to do next, without doing it: inputs in, operations out, no IO, no clock, no tokio.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::commit::commit;
use super::slot::{FLUSH_EVERY, Pending, STORE_RETRY, Slot, Writing};
use crate::clock::Mono;
use crate::domain::{Actor, Generation, Name, RolloutName, Timestamp, Weight};
use crate::engine::{
    Answer, Ask, Command, Event, Memory, Past, Phase, State, Unkept, asks, decide, due, learn,
    weigh,
};
use crate::plan::Program;
use crate::store::{Commit, Committed, Flush, Stored};

/// A timer further away than this is looked at again by then.
const CLOCK_CHECK: Duration = Duration::from_secs(30);
/// A timer that is past and could not act yet.
const OVERDUE_CHECK: Duration = Duration::from_millis(200);
/// Between the first looks of rollouts that arrive together: after a restart ten thousand would read at once, and at
/// every beat from then on.
const STAGGER: Duration = Duration::from_millis(1);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: Timestamp,
    pub mono: Mono,
}

/// What the outside reports.
#[derive(Clone, Debug)]
pub enum Input {
    /// A rollout as stored now, and its route's generation if nobody holds it; answers [`Op::Load`] and begins a life.
    Loaded {
        name: RolloutName,
        stored: Option<Box<Stored>>,
        free_at: Option<Generation>,
    },
    /// The store failed to answer [`Op::Load`].
    NotLoaded(RolloutName),
    /// Somebody else committed to this rollout.
    Changed(RolloutName),
    Read {
        name: RolloutName,
        answer: Answer,
        lag: Duration,
    },
    /// Answers [`Op::History`]: what was before, or which source could not say and why.
    History {
        name: RolloutName,
        past: Result<Past, String>,
    },
    /// `None`: the store failed, and nobody knows whether it happened.
    Committed {
        name: RolloutName,
        result: Option<Committed>,
    },
    Flushed {
        name: RolloutName,
        version: Option<i64>,
    },
    /// Everybody who counts carries this generation.
    Confirmed {
        route: Name,
        generation: Generation,
    },
    HandEdit {
        route: Name,
        instance: String,
        seen: Weight,
    },
}

/// What the outside is asked to do.
#[derive(Clone, Debug)]
pub enum Op {
    Load(RolloutName),
    Read {
        name: RolloutName,
        asks: Arc<[Ask]>,
        since: Option<Timestamp>,
    },
    /// What was before, for a rollout that begins. It does not wait for it.
    History {
        name: RolloutName,
        asks: Arc<[Ask]>,
    },
    Commit {
        commit: Box<Commit>,
        program: Arc<Program>,
    },
    Flush(Box<Flush>),
    /// People may see this.
    Show(Arc<Stored>),
    /// It is over, or gone: nothing more is done for it here.
    Forget(RolloutName),
}

/// Every live rollout of this process.
#[derive(Debug, Default)]
pub struct Core {
    slots: BTreeMap<RolloutName, Slot>,
    /// The slots by route: who holds it and who waits for it.
    routes: BTreeMap<Name, BTreeSet<RolloutName>>,
    /// When the rollout that arrived last looks for the first time.
    last_first_look: Mono,
    /// When each slot next wants attention; one entry a slot, kept in `Slot::wake` too.
    wakes: BTreeSet<(Mono, RolloutName)>,
    /// Rollouts the store could not give yet, and when to ask again.
    unknown: BTreeSet<(Mono, RolloutName)>,
    ops: Vec<Op>,
}

impl Core {
    /// Takes a report in. What follows from it comes with the next [`Core::poll`].
    pub fn input(&mut self, input: Input, now: Now) {
        let name = match input {
            Input::Loaded { name, stored, free_at } => {
                self.loaded(&name, stored, free_at, now);
                name
            }
            Input::NotLoaded(name) => {
                self.not_loaded(&name, now);
                name
            }
            Input::Changed(name) => {
                self.reload(&name);
                name
            }
            Input::Read { name, answer, lag } => {
                self.read(&name, answer, lag, now);
                name
            }
            Input::History { name, past } => {
                let pending = match past {
                    Ok(past) => Pending::Past(past),
                    Err(detail) => Pending::Event(Event::NoHistory { detail }),
                };
                self.enqueue(&name, pending, now);
                name
            }
            Input::Committed { name, result } => {
                self.committed(&name, result, now);
                name
            }
            Input::Flushed { name, version } => {
                self.flushed(&name, version, now);
                name
            }
            Input::Confirmed { route, generation } => {
                return self.for_route(&route, &Event::Confirmed { generation }, now);
            }
            Input::HandEdit { route, instance, seen } => {
                return self.for_route(&route, &Event::HandEdit { instance, seen }, now);
            }
        };
        self.plan_wake(&name, now);
    }

    /// Everything to be done now.
    pub fn poll(&mut self, now: Now) -> Vec<Op> {
        while let Some((at, name)) = self.wakes.first().cloned()
            && at <= now.mono
        {
            self.wakes.pop_first();
            self.beat(&name, now);
            self.plan_wake(&name, now);
        }
        while let Some((at, name)) = self.unknown.pop_first() {
            if at > now.mono {
                self.unknown.insert((at, name));
                break;
            }
            self.ops.push(Op::Load(name));
        }
        std::mem::take(&mut self.ops)
    }

    /// When [`Core::poll`] has something to do next, if nothing is reported before.
    pub fn next_wake(&self) -> Option<Mono> {
        let first = |set: &BTreeSet<(Mono, RolloutName)>| set.first().map(|(at, _)| *at);
        first(&self.wakes).into_iter().chain(first(&self.unknown)).min()
    }

    /// Routes whose wish is not in force everywhere yet.
    pub fn unconfirmed(&self) -> Vec<Name> {
        let waiting = self.slots.values().filter(|slot| slot.is_unconfirmed());
        waiting.map(|slot| slot.stored.program.route.name.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn plan_wake(&mut self, name: &RolloutName, now: Now) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let next = wake(slot, now);
        if slot.wake == next {
            self.wakes.extend(next.map(|at| (at, name.clone())));
            return;
        }
        if let Some(old) = slot.wake {
            self.wakes.remove(&(old, name.clone()));
        }
        slot.wake = next;
        self.wakes.extend(next.map(|at| (at, name.clone())));
    }

    /// Timers and looks of one rollout.
    fn beat(&mut self, name: &RolloutName, now: Now) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        if let Writing::Retry(at) = slot.writing {
            if now.mono >= at {
                slot.writing = Writing::Load;
                self.ops.push(Op::Load(name.clone()));
            }
            return;
        }
        if slot.looks() && slot.reading.is_none() && now.mono >= slot.next_look {
            slot.plan_next_look(now);
            slot.reading = Some(now.mono);
            let (asks, since) = (slot.asks.clone(), slot.stored.memory.until);
            self.ops.push(Op::Read { name: name.clone(), asks, since });
        }
        let late = slot.dirty_since.is_some_and(|at| now.mono.since(at) >= FLUSH_EVERY)
            || slot.stored.memory.unkept.are_many();
        if late && slot.is_free() {
            slot.writing = Writing::Flush;
            self.ops.push(Op::Flush(Box::new(flush(&slot.stored))));
        }
        let is_due = due(&slot.stored.program, &slot.stored.state).is_some_and(|at| now.wall >= at);
        if is_due && slot.is_free() {
            self.enqueue(name, Pending::Event(Event::Tick), now);
        }
    }

    fn enqueue(&mut self, name: &RolloutName, pending: Pending, now: Now) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.pending.push_back(pending);
            self.work(name, now);
        }
    }

    fn for_route(&mut self, route: &Name, event: &Event, now: Now) {
        let holder = self.of_route(route).find(|slot| slot.stored.state.phase.holds_route());
        let holder = holder.map(|slot| slot.stored.name.clone());
        if let Some(name) = holder {
            self.enqueue(&name, Pending::Event(event.clone()), now);
            self.plan_wake(&name, now);
        }
    }

    fn of_route(&self, route: &Name) -> impl Iterator<Item = &Slot> {
        self.routes.get(route).into_iter().flatten().filter_map(|name| self.slots.get(name))
    }

    /// At once, unless another has just begun to look; never later than its first beat.
    fn first_look(&mut self, stored: &Stored, now: Now) -> Mono {
        let next = self.last_first_look.plus(STAGGER).max(now.mono);
        let latest = now.mono.plus(stored.program.plan.look);
        self.last_first_look = if next <= latest { next } else { now.mono };
        self.last_first_look
    }

    /// Decides what waits, one after the other, until something must be stored first.
    fn work(&mut self, name: &RolloutName, now: Now) {
        while let Some(slot) = self.slots.get_mut(name) {
            if !slot.is_free() {
                return;
            }
            let Some(pending) = slot.pending.pop_front() else { return };
            if let Some(op) = decide_one(slot, pending, now) {
                self.ops.push(op);
            }
            self.ops.push(Op::Show(slot.stored.clone()));
        }
    }

    fn read(&mut self, name: &RolloutName, answer: Answer, lag: Duration, now: Now) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Some(began) = slot.reading.take() else { return };
        let lasting = slot.last_read.map(|last| began.since(last)).unwrap_or_default();
        slot.last_read = Some(began);
        self.enqueue(name, Pending::Answer { answer, lasting, lag }, now);
    }

    fn committed(&mut self, name: &RolloutName, result: Option<Committed>, now: Now) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Writing::Commit { pending, mut next } =
            std::mem::replace(&mut slot.writing, Writing::No)
        else {
            return;
        };
        match result {
            Some(Committed::Stored(version)) => {
                Arc::make_mut(&mut next).version = version;
                slot.stored = next;
                slot.dirty_since = None;
                self.ops.push(Op::Show(slot.stored.clone()));
                self.ended(name);
                self.go_on(name, now)
            }
            // The kill reached the store before its command reached the rollout.
            Some(Committed::Killed) => {
                let because = "a kill switch stands on the route".to_owned();
                let command = Command::Kill { because };
                let by = Actor::engine();
                slot.pending.push_front(Pending::Event(Event::Command { by, command }));
                self.work(name, now)
            }
            Some(Committed::Stale) => {
                slot.pending.push_front(pending);
                slot.writing = Writing::Load;
                self.ops.push(Op::Load(name.clone()));
            }
            None => {
                slot.pending.push_front(pending);
                slot.writing = Writing::Retry(now.mono.plus(STORE_RETRY));
            }
        }
    }

    fn flushed(&mut self, name: &RolloutName, version: Option<i64>, now: Now) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.writing = Writing::No;
        match version {
            Some(version) => {
                let stored = Arc::make_mut(&mut slot.stored);
                stored.version = version;
                stored.memory.unkept = Unkept::default();
                slot.dirty_since = None;
                self.go_on(name, now);
            }
            None => self.reload(name),
        }
    }

    /// The store knows more than we do.
    fn reload(&mut self, name: &RolloutName) {
        match self.slots.get_mut(name) {
            Some(slot) if !slot.is_free() => return slot.changed = true,
            Some(slot) => slot.writing = Writing::Load,
            None => {}
        }
        self.ops.push(Op::Load(name.clone()));
    }

    fn loaded(
        &mut self,
        name: &RolloutName,
        stored: Option<Box<Stored>>,
        free_at: Option<Generation>,
        now: Now,
    ) {
        let Some(stored) = stored else { return self.forget(name) };
        match self.slots.get_mut(name) {
            Some(slot) => {
                slot.writing = Writing::No;
                // What waited in a queue learns its sides only when the route is free.
                let queued = matches!(stored.state.phase, Phase::Queued);
                if slot.stored.version != stored.version || queued {
                    slot.asks = asks(&stored.program).into();
                    slot.stored = Arc::new(*stored);
                    slot.dirty_since = None;
                }
            }
            None => {
                let first_look = self.first_look(&stored, now);
                let route = stored.program.route.name.clone();
                self.routes.entry(route).or_default().insert(name.clone());
                self.slots.insert(name.clone(), Slot::new(*stored, first_look));
            }
        }
        if let Some(slot) = self.slots.get(name) {
            self.ops.push(Op::Show(slot.stored.clone()));
        }
        self.ended(name);
        if let Some(generation) = free_at {
            self.start_next(name, generation, now);
        }
        self.go_on(name, now);
    }

    /// After an answer of the store: what changed meanwhile is loaded before anything else is decided.
    fn go_on(&mut self, name: &RolloutName, now: Now) {
        match self.slots.get_mut(name) {
            Some(slot) if slot.changed && slot.is_free() => {
                slot.changed = false;
                self.reload(name);
            }
            _ => self.work(name, now),
        }
    }

    /// A rollout unknown here yet is asked for again as well: the store said it is live.
    fn not_loaded(&mut self, name: &RolloutName, now: Now) {
        let at = now.mono.plus(STORE_RETRY);
        match self.slots.get_mut(name) {
            Some(slot) => slot.writing = Writing::Retry(at),
            None => {
                self.unknown.insert((at, name.clone()));
            }
        }
    }

    /// The route is free: the oldest that waits for it begins.
    fn start_next(&mut self, name: &RolloutName, generation: Generation, now: Now) {
        let queued = |slot: &Slot| matches!(slot.stored.state.phase, Phase::Queued);
        let Some(slot) = self.slots.get(name) else { return };
        let route = slot.stored.program.route.name.clone();
        let first = self
            .of_route(&route)
            .filter(|s| queued(s))
            .min_by_key(|s| (s.stored.state.started_at, s.stored.name.number))
            .map(|s| s.stored.name.clone());
        if first.as_ref() == Some(name) {
            self.ask_past(name);
            self.enqueue(name, Pending::Event(Event::Started { generation }), now);
        }
    }

    fn ask_past(&mut self, name: &RolloutName) {
        let Some(slot) = self.slots.get_mut(name).filter(|slot| !slot.past_asked) else { return };
        slot.past_asked = true;
        self.ops.push(Op::History { name: name.clone(), asks: slot.asks.clone() });
    }

    /// Lets an ended rollout go, and looks whether somebody waited for its route.
    fn ended(&mut self, name: &RolloutName) {
        let Some(slot) = self.slots.get(name) else { return };
        if !slot.stored.state.phase.is_end() {
            return;
        }
        let route = slot.stored.program.route.name.clone();
        self.forget(name);
        let waits = |slot: &&Slot| matches!(slot.stored.state.phase, Phase::Queued);
        let waiting: Vec<_> =
            self.of_route(&route).filter(waits).map(|s| s.stored.name.clone()).collect();
        for name in waiting {
            self.reload(&name);
        }
    }

    fn forget(&mut self, name: &RolloutName) {
        if let Some(slot) = self.slots.remove(name) {
            if let Some(at) = slot.wake {
                self.wakes.remove(&(at, name.clone()));
            }
            self.leave_route(&slot.stored.program.route.name, name);
        }
        self.ops.push(Op::Forget(name.clone()));
    }

    fn leave_route(&mut self, route: &Name, name: &RolloutName) {
        let Some(names) = self.routes.get_mut(route) else { return };
        names.remove(name);
        if names.is_empty() {
            self.routes.remove(route);
        }
    }
}

/// Decides one pending thing. `None`: nothing to store yet, the slot has it in memory.
fn decide_one(slot: &mut Slot, pending: Pending, now: Now) -> Option<Op> {
    let stored = &slot.stored;
    let (event, memory) = match &pending {
        Pending::Event(event) => (event.clone(), None),
        Pending::Answer { answer, lasting, lag } => {
            let (memory, look) = weigh(
                &stored.program,
                &stored.state,
                &stored.memory,
                &slot.asks,
                answer,
                *lasting,
                *lag,
            );
            match look {
                Some(look) => (Event::Looked(look), Some(memory)),
                None => return remember(slot, None, Some(memory), now),
            }
        }
        Pending::Past(past) => {
            let memory = learn(&stored.program, &stored.memory, &slot.asks, past);
            return remember(slot, None, Some(memory), now);
        }
    };
    let decided = decide(&stored.program, &stored.state, &event, now.wall);
    if decided.entries.is_empty() && decided.effects.is_empty() {
        return remember(slot, Some(decided.next), memory, now);
    }
    let memory = memory.unwrap_or_else(|| stored.memory.clone());
    let commit = commit(stored, &event, decided, memory, now.wall);
    let next = Arc::new(Stored {
        state: commit.state.clone(),
        memory: commit.memory.clone().stored(),
        ..Stored::clone(stored)
    });
    slot.writing = Writing::Commit { pending, next };
    let program = slot.stored.program.clone();
    Some(Op::Commit { commit: Box::new(commit), program })
}

/// A change too small for the journal: kept in memory, stored within a minute. Losing it only lengthens a bake.
fn remember(slot: &mut Slot, state: Option<State>, memory: Option<Memory>, now: Now) -> Option<Op> {
    let same = state.as_ref().is_none_or(|s| *s == slot.stored.state);
    if same && memory.is_none() {
        return None;
    }
    let stored = Arc::make_mut(&mut slot.stored);
    if let Some(state) = state {
        stored.state = state;
    }
    if let Some(memory) = memory {
        stored.memory = memory;
    }
    slot.dirty_since.get_or_insert(now.mono);
    None
}

fn flush(stored: &Stored) -> Flush {
    Flush {
        name: stored.name.clone(),
        expected_version: stored.version,
        state: stored.state.clone(),
        memory: stored.memory.clone(),
    }
}

/// When this slot next wants attention. Timers are wall time: looked at again often enough to notice a clock that jumps.
fn wake(slot: &Slot, now: Now) -> Option<Mono> {
    if let Writing::Retry(at) = slot.writing {
        return Some(at);
    }
    let look = (slot.looks() && slot.reading.is_none()).then_some(slot.next_look);
    let flush = slot.dirty_since.filter(|_| slot.is_free()).map(|at| at.plus(FLUSH_EVERY));
    let due = due(&slot.stored.program, &slot.stored.state).filter(|_| slot.is_free());
    let ahead = |at: Timestamp| match at.since(now.wall) {
        Duration::ZERO => OVERDUE_CHECK,
        ahead => ahead.min(CLOCK_CHECK),
    };
    let timer = due.map(|at| now.mono.plus(ahead(at)));
    look.into_iter().chain(flush).chain(timer).min()
}
