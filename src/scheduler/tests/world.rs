//! A world in one thread and in virtual time: a store, a proxy, users, and a process that may die at any moment.
//!
//! Everything follows from the seed. The store is a model of the real one: compare-and-swap on versions and
//! generations, one transaction a commit.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::clock::Mono;
use crate::domain::{Actor, Generation, Name, Override, RolloutName, Side, Timestamp, Weight};
use crate::engine::{
    Answer, Ask, Counter, Entry, Event, Finding, From, Look, Memory, Phase, Point, Series, Trouble,
    TroubleKind, criteria, decide, initial, rules,
};
use crate::judge::Recomputed;
use crate::plan::{Body, OnRegression, Program, RouteRef, SourceFile, read};
use crate::scheduler::commit::commit;
use crate::scheduler::core::{Core, Input, Now, Op};
use crate::store::{Commit, Committed, Flush, KeptLooks, Stored};

/// Times may be anything as long as they are after 2020: windows are not used here.
const BEGIN: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// Where the world can be made worse.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    /// Failures of the canary, a share, from `sick_from` on.
    pub(super) canary: f64,
    pub(super) baseline: f64,
    pub(super) sick_from: Duration,
    pub(super) rps: f64,
    /// Mean time between two deaths of the process; `None`: it lives.
    pub(super) dies_every: Option<Duration>,
    /// The source does not answer in this span.
    pub(super) blind: Option<(Duration, Duration)>,
    /// The canary gets no requests from then on.
    pub(super) silent_from: Option<Duration>,
    /// The wall clock jumps at every death.
    pub(super) clock_jumps: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            canary: 0.01,
            baseline: 0.01,
            sick_from: Duration::MAX,
            rps: 400.0,
            dies_every: None,
            blind: None,
            silent_from: None,
            clock_jumps: false,
        }
    }
}

#[derive(Debug)]
enum Todo {
    Deliver(Input),
    Commit(Box<Commit>),
    Flush(Box<Flush>),
    /// A poll of the proxy comes back with what it was told.
    Apply {
        generation: Generation,
        weight: Weight,
        overrides: Vec<Override>,
    },
    Die,
}

/// By time, then by order of making.
#[derive(Debug)]
struct Due(Mono, u64, Todo);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

#[derive(Clone, Debug, Default)]
struct Counts {
    requests: u64,
    failures: u64,
}

pub(super) struct World {
    pub(super) seed: u64,
    rng: StdRng,
    faults: Faults,
    mono: Mono,
    wall: Timestamp,
    core: Core,
    agenda: BinaryHeap<Due>,
    made: u64,
    rollouts: BTreeMap<RolloutName, Stored>,
    generation: Generation,
    serving: Side,
    wish: Weight,
    holder: Option<RolloutName>,
    looks: BTreeMap<RolloutName, Vec<KeptLooks>>,
    pub(super) journal: Vec<(Mono, RolloutName, Entry)>,
    /// What users get: the proxy's own share, and since when.
    pub(super) in_force: Vec<(Mono, Weight)>,
    /// The same with the split's number and the segments kept apart, whenever either changed.
    pub(super) splits: Vec<(Generation, Weight, Vec<Override>)>,
    proxy: Generation,
    counts: BTreeMap<&'static str, Counts>,
    counted: Mono,
    pub(super) deaths: u64,
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let mut world = Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            faults,
            mono: Mono::default(),
            wall: BEGIN,
            core: Core::default(),
            agenda: BinaryHeap::new(),
            made: 0,
            rollouts: BTreeMap::new(),
            generation: Generation(7),
            serving: Side::A,
            wish: Weight::ZERO,
            holder: None,
            looks: BTreeMap::new(),
            journal: Vec::new(),
            in_force: vec![(Mono::default(), Weight::ZERO)],
            splits: Vec::new(),
            proxy: Generation(7),
            counts: BTreeMap::new(),
            counted: Mono::default(),
            deaths: 0,
        };
        if let Some(mean) = faults.dies_every {
            let after = world.about(mean);
            world.after(after, Todo::Die);
        }
        world
    }

    /// Stores a rollout of the plan in this text and tells the core.
    pub(super) fn start(&mut self, number: u32, yaml: &str) -> RolloutName {
        let stored = stored(number, yaml, self.serving, self.wall);
        let name = stored.name.clone();
        self.rollouts.insert(name.clone(), stored);
        self.core.input(Input::Changed(name.clone()), self.now());
        name
    }

    pub(super) fn state(&self, name: &RolloutName) -> &crate::engine::State {
        &self.rollouts[name].state
    }

    /// A person's event, committed by the handler itself.
    pub(super) fn apply(&mut self, name: &RolloutName, event: &Event) {
        let stored = self.rollouts[name].clone();
        let decided = decide(&stored.program, &stored.state, event, self.wall);
        assert_eq!(decided.refused, None);
        let commit = commit(&stored, event, decided, stored.memory.clone(), self.wall);
        let name = name.clone();
        assert!(matches!(self.store(commit), Committed::Stored(_)));
        self.core.input(Input::Changed(name), self.now());
    }

    /// A look that blames one platform. Nobody counts by platform here, so the plan knows of it for this moment alone.
    pub(super) fn blame_ios(&mut self, name: &RolloutName) {
        let mut program = Program::clone(&self.rollouts[name].program);
        let whole = Arc::new(program.clone());
        program.plan.on_regression = OnRegression::RevertSegment;
        program.plan.segments.insert("platform".to_owned(), vec!["ios".to_owned()]);
        let sentence = "fails 4x as often".to_owned();
        let event = Event::Looked(Look {
            generation: self.state(name).wish.generation,
            lasting: Duration::ZERO,
            waited: Duration::ZERO,
            finding: Finding::Regression { check: "errors in platform ios".to_owned(), sentence },
            detail: serde_json::Value::Null,
        });
        self.rollouts.get_mut(name).expect("a rollout").program = Arc::new(program);
        self.apply(name, &event);
        self.rollouts.get_mut(name).expect("a rollout").program = whole;
    }

    /// Until the rollout has ended and nothing of it is under way, or for `most`.
    pub(super) fn run_to_end(&mut self, name: &RolloutName, most: Duration) {
        let end = self.mono.plus(most);
        while self.mono < end && !self.state(name).phase.is_end() {
            self.run_for(Duration::from_secs(600));
        }
        self.run_for(Duration::from_secs(60));
    }

    pub(super) fn run_for(&mut self, length: Duration) {
        let end = self.mono.plus(length);
        loop {
            loop {
                let ops = self.core.poll(self.now());
                if ops.is_empty() {
                    break;
                }
                ops.into_iter().for_each(|op| self.perform(op));
            }
            let next = self.agenda.peek().map(|due| due.0);
            let wake = self.core.next_wake();
            let Some(at) = next.into_iter().chain(wake).min().filter(|at| *at <= end) else {
                break;
            };
            self.go_to(at.max(self.mono));
            while self.agenda.peek().is_some_and(|due| due.0 <= self.mono) {
                if let Some(Due(_, _, todo)) = self.agenda.pop() {
                    self.happen(todo);
                }
            }
        }
        self.go_to(end);
    }

    fn now(&self) -> Now {
        Now { wall: self.wall, mono: self.mono }
    }

    fn go_to(&mut self, at: Mono) {
        let by = at.since(self.mono);
        self.mono = at;
        self.wall = self.wall.plus(by);
    }

    fn after(&mut self, delay: Duration, todo: Todo) {
        self.made += 1;
        self.agenda.push(Due(self.mono.plus(delay), self.made, todo));
    }

    fn soon(&mut self, most_ms: u64, todo: Todo) {
        let delay = Duration::from_micros(self.rng.random_range(100..most_ms * 1000));
        self.after(delay, todo);
    }

    fn about(&mut self, mean: Duration) -> Duration {
        let u: f64 = self.rng.random_range(1e-9..1.0);
        mean.mul_f64(-u.ln())
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Commit { commit, .. } => self.soon(20, Todo::Commit(commit)),
            Op::Flush(flush) => self.soon(20, Todo::Flush(flush)),
            Op::Load(name) => {
                let stored = self.rollouts.get(&name).cloned();
                let queued = stored.as_ref().is_some_and(|s| s.state.phase == Phase::Queued);
                let free_at = (queued && self.holder.is_none()).then_some(self.generation);
                let input = Input::Loaded { name, stored: stored.map(Box::new), free_at };
                self.soon(5, Todo::Deliver(input));
            }
            Op::Read { name, asks, .. } => {
                let answer = self.read(&asks);
                let input = Input::Read { name, answer, lag: Duration::ZERO };
                self.soon(80, Todo::Deliver(input));
            }
            Op::Show(_) => {
                for route in self.core.unconfirmed() {
                    self.confirm(route);
                }
            }
            // This world's sources keep no history.
            Op::History { .. } | Op::Forget(_) => {}
        }
    }

    fn confirm(&mut self, route: Name) {
        if self.proxy == self.generation {
            let generation = self.generation;
            self.core.input(Input::Confirmed { route, generation }, self.now());
        }
    }

    fn happen(&mut self, todo: Todo) {
        match todo {
            Todo::Deliver(input) => self.core.input(input, self.now()),
            Todo::Commit(commit) => {
                let name = commit.name.clone();
                let result = Some(self.store(*commit));
                // One answer in fifty is lost: nobody knows whether it happened.
                let result = result.filter(|_| self.rng.random_range(0..50) > 0);
                self.core.input(Input::Committed { name, result }, self.now());
            }
            Todo::Flush(flush) => {
                let version = self.flush(&flush);
                self.core.input(Input::Flushed { name: flush.name, version }, self.now());
            }
            Todo::Apply { generation, weight, overrides } => {
                self.apply_at_proxy(generation, weight, overrides);
            }
            Todo::Die => self.die(),
        }
    }

    fn store(&mut self, commit: Commit) -> Committed {
        let Some(stored) = self.rollouts.get(&commit.name) else { return Committed::Stale };
        let guarded = commit.route.as_ref().is_none_or(|r| r.expected == self.generation);
        if stored.version != commit.expected_version || !guarded {
            return Committed::Stale;
        }
        let version = stored.version + 1;
        if let Some(route) = &commit.route {
            self.generation = route.generation;
            self.serving = route.serving;
            self.holder = route.holder.clone();
            self.wish = commit.state.wish.weight;
            let (generation, weight) = (route.generation, self.wish);
            let overrides = route.overrides.clone();
            self.soon(50, Todo::Apply { generation, weight, overrides });
        }
        for entry in commit.entries {
            let lawful = !entry.text.contains("law L");
            assert!(lawful, "seed {}: {}\n{}", self.seed, entry.text, self.told());
            self.journal.push((self.mono, commit.name.clone(), entry));
        }
        if let Some(stored) = self.rollouts.get_mut(&commit.name) {
            stored.version = version;
            stored.state = commit.state;
        }
        self.remember(&commit.name, commit.memory);
        Committed::Stored(version)
    }

    fn flush(&mut self, flush: &Flush) -> Option<i64> {
        let stored = self.rollouts.get_mut(&flush.name)?;
        if stored.version != flush.expected_version {
            return None;
        }
        stored.version += 1;
        stored.state = flush.state.clone();
        let version = stored.version;
        self.remember(&flush.name, flush.memory.clone());
        Some(version)
    }

    /// Evidence and the looks it has taken in, in one transaction.
    fn remember(&mut self, name: &RolloutName, memory: Memory) {
        self.looks.entry(name.clone()).or_default().extend(KeptLooks::of(&memory));
        if let Some(stored) = self.rollouts.get_mut(name) {
            stored.memory = memory.stored();
        }
    }

    /// What is stored of the looks is all that the stored evidence has taken in, each once, to the last bit.
    pub(super) fn looks_lead_to_the_evidence(&self, name: &RolloutName) {
        let (seed, stored) = (self.seed, &self.rollouts[name]);
        let kept = self.looks.get(name).map_or(&[][..], Vec::as_slice);
        let Some(start) = kept.first().and_then(|first| first.start.clone()) else {
            assert_eq!(stored.memory.judged, 0, "seed {seed}: no look is kept");
            return;
        };
        let (rules, criteria) = (rules(&stored.program), criteria(&stored.program.plan));
        let mut again = Recomputed::new(&rules, &criteria, start);
        let mut number = 0;
        for some in kept {
            assert_eq!(some.number, number + 1, "seed {seed}: a look twice, or never");
            for look in some.chunk.looks().expect("our own bytes") {
                number += 1;
                assert!(again.take(&look).1, "seed {seed}: look {number}\n{}", self.told());
            }
        }
        assert_eq!(number, stored.memory.judged, "seed {seed}\n{}", self.told());
        assert!(again.is(&stored.memory.evidence), "seed {seed}\n{}", self.told());
    }

    fn apply_at_proxy(&mut self, generation: Generation, weight: Weight, overrides: Vec<Override>) {
        if generation < self.proxy {
            return;
        }
        self.count();
        self.proxy = generation;
        self.splits.push((generation, weight, overrides));
        if self.in_force.last().is_none_or(|(_, w)| *w != weight) {
            self.in_force.push((self.mono, weight));
        }
        for route in self.core.unconfirmed() {
            self.confirm(route);
        }
    }

    /// Everything in memory is gone; what the store was asked may or may not have happened.
    fn die(&mut self) {
        self.deaths += 1;
        let kept: Vec<Due> = std::mem::take(&mut self.agenda).into_vec();
        for Due(at, order, todo) in kept {
            match todo {
                Todo::Apply { .. } => self.agenda.push(Due(at, order, todo)),
                Todo::Commit(commit) if self.rng.random_bool(0.5) => {
                    let _ = self.store(*commit);
                }
                _ => {}
            }
        }
        let down = Duration::from_millis(self.rng.random_range(1..40_000));
        self.go_to(self.mono.plus(down));
        if self.faults.clock_jumps {
            let jump = Duration::from_secs(self.rng.random_range(0..3600));
            self.wall = if self.rng.random_bool(0.5) {
                self.wall.plus(jump)
            } else {
                self.wall.minus(jump)
            };
        }
        self.core = Core::default();
        let live = self.rollouts.values().filter(|s| !s.state.phase.is_end());
        let names: Vec<_> = live.map(|s| s.name.clone()).collect();
        for name in names {
            self.core.input(Input::Changed(name), self.now());
        }
        let after = self.faults.dies_every.unwrap_or(Duration::MAX);
        let after = self.about(after);
        self.after(after, Todo::Die);
    }

    /// Lets users come until now, at the share in force.
    fn count(&mut self) {
        let lasting = self.mono.since(self.counted).as_secs_f64();
        let since_start = self.counted.since(Mono::default());
        self.counted = self.mono;
        let weight = self.in_force.last().map_or(0.0, |(_, w)| w.fraction());
        let sick = since_start >= self.faults.sick_from;
        let canary = if sick { self.faults.canary } else { self.faults.baseline };
        let silent = self.faults.silent_from.is_some_and(|from| since_start >= from);
        let rps = self.faults.rps;
        if !silent {
            self.serve("new", rps * weight * lasting, canary);
        }
        self.serve("old", rps * (1.0 - weight) * lasting, self.faults.baseline);
    }

    fn serve(&mut self, arm: &'static str, expected: f64, failing: f64) {
        let failures = self.poisson(expected * failing);
        let rest = self.poisson(expected * (1.0 - failing));
        let counts = self.counts.entry(arm).or_default();
        counts.requests += failures + rest;
        counts.failures += failures;
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 500.0 {
            let normal: f64 = (0..12).map(|_| self.rng.random::<f64>()).sum::<f64>() - 6.0;
            return (mean + normal * mean.sqrt()).round().max(0.0) as u64;
        }
        let (limit, mut product, mut n) = ((-mean).exp(), self.rng.random::<f64>(), 0);
        while product > limit {
            product *= self.rng.random::<f64>();
            n += 1;
        }
        n
    }

    fn read(&mut self, asks: &[Ask]) -> Answer {
        self.count();
        let since_start = self.mono.since(Mono::default());
        let until = self.wall;
        if self.faults.blind.is_some_and(|(from, to)| (from..to).contains(&since_start)) {
            let kind = TroubleKind::Unreachable;
            let sentence = "prometheus does not answer".to_owned();
            let asks = (0..asks.len()).collect();
            return Answer {
                series: Vec::new(),
                until,
                troubles: vec![Trouble { asks, kind, sentence }],
            };
        }
        let series = asks.iter().enumerate().map(|(index, ask)| {
            let From::Pushed { arm, .. } = &ask.from else { panic!("only pushes here") };
            let counts = self.counts.get(arm.as_str()).cloned().unwrap_or_default();
            let value = match ask.counter {
                Counter::Requests => counts.requests,
                Counter::Failures => counts.failures,
                other => panic!("nobody asks for {other:?} here"),
            };
            let points = vec![Point { at: until, value: value as f64 }];
            Series { ask: index, key: format!("push {arm}"), bound: None, points }
        });
        Answer { series: series.collect(), until, troubles: Vec::new() }
    }

    /// The journal as text, for a failing seed.
    pub(super) fn told(&self) -> String {
        let line = |(at, name, e): &(Mono, RolloutName, Entry)| {
            format!(
                "{:>9.3} {name} {} | {}\n",
                at.since(Mono::default()).as_secs_f64(),
                e.kind,
                e.text
            )
        };
        self.journal.iter().map(line).collect()
    }
}

/// A rollout of the plan in this text, as a start leaves it.
pub(super) fn stored(number: u32, yaml: &str, serving: Side, at: Timestamp) -> Stored {
    let program = program(yaml, serving);
    Stored {
        name: RolloutName { plan: program.plan.name.clone(), number },
        version: 1,
        plan_revision: 1,
        memory: Memory::new(&program),
        program: Arc::new(program),
        state: initial(Actor::token("ana"), 0, at),
    }
}

fn program(yaml: &str, serving: Side) -> Program {
    let mut read = read(&SourceFile { path: "world.yaml", bytes: yaml.as_bytes() });
    assert!(
        !read.problems.iter().any(|p| p.severity == crate::plan::Severity::Error),
        "{:?}",
        read.problems
    );
    let Body::Plan(plan) = read.documents.remove(0).body else { panic!("no plan") };
    let RouteRef::Inline(route) = plan.route.clone() else { panic!("no inline route") };
    crate::plan::program(&plan, &route, &BTreeMap::new(), serving, None, &[]).expect("a program")
}
