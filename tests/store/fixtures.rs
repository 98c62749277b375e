//! Small whole rows for store tests and benches.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tidegate::domain::{Actor, Generation, Name, Reason, RolloutName, Side, Timestamp, Weight};
use tidegate::engine::{Effect, Entry, Latch, Memory, Phase, Point, State, Unkept, Wish};
use tidegate::judge::{Evidence, Kept, LookInput, Numbers};
use tidegate::plan::{
    ArmLabel, IfBusy, OnDoubt, OnRegression, Plan, Program, Route, RouteRef, Splitter, Step,
};
use tidegate::store::{Commit, NewRollout, RouteChange, RouteRow, Started, Store, Stored};

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn weight(percent: u32) -> Weight {
    Weight::from_ppm(percent * 10_000).expect("a share")
}

pub fn route(text: &str) -> Route {
    Route {
        name: name(text),
        labels: BTreeMap::from([("team".to_owned(), "pay".to_owned())]),
        split: Splitter::Pull { instances: 2, unit: None },
        arm: ArmLabel { label: "version".to_owned(), baseline: None, canary: None },
        count: None,
        serves: Some("v1".to_owned()),
        used_by: Vec::new(),
        dashboard: None,
        traffic: None,
    }
}

pub fn plan(text: &str, on: &Route) -> Plan {
    let shift = |percent| Step::Shift { to: weight(percent), bake: Duration::from_secs(300) };
    Plan {
        name: name(text),
        route: RouteRef::Named(on.name.clone()),
        owner: "team-pay".to_owned(),
        inputs: vec!["version".to_owned()],
        canary: Some("$version".to_owned()),
        if_busy: IfBusy::Queue,
        window: None,
        steps: vec![shift(1), shift(25), shift(100)],
        checks: Vec::new(),
        warm_up: Duration::from_secs(60),
        look: Duration::from_secs(10),
        harm: Some(0.000_5),
        bake_at_most: None,
        on_regression: OnRegression::Revert,
        on_doubt: OnDoubt::Wait,
        silence_revert_after: Duration::from_secs(300),
        give_up_after: None,
        return_within: Duration::from_secs(86_400),
        hold_back: weight(10),
        after_revert: None,
        segments: BTreeMap::new(),
        off: Vec::new(),
    }
}

pub fn state(phase: Phase) -> State {
    State {
        phase,
        latch: Latch::None,
        wish: Wish { weight: Weight::ZERO, generation: Generation(0), confirmed_at: None },
        reached: Weight::ZERO,
        entered: 0,
        promoted_by: None,
        started_by: Actor::token("kim"),
        started_at: at(0),
        first_exposed_at: None,
        finding: None,
        doubt: None,
        silent: Duration::ZERO,
        begins_at: 0,
        lives: 0,
        journalled_at: at(0),
        stepped_back: None,
        swapped: false,
        cuts: Vec::new(),
        began_at: None,
        yields: false,
    }
}

/// With values whose shortest text a careless parser reads back one bit off.
pub fn memory(looks: u64) -> Memory {
    let point = Point { at: at(3), value: 0.1 + 0.2 + looks as f64 };
    Memory {
        evidence: Evidence::new(&[]),
        until: Some(at(3)),
        waited: Duration::from_millis(1500),
        generation: Generation(0),
        looks,
        harm: Some(0.000_123),
        last: BTreeMap::from([("0/push requests".to_owned(), point)]),
        behind: BTreeMap::new(),
        picture: tidegate::judge::Picture::default(),
        judgement: None,
        judged: 0,
        unkept: Unkept::default(),
    }
}

/// The same memory some looks later.
pub fn looked(before: &Memory, looks: u64) -> Memory {
    let mut memory = before.clone();
    for n in 0..looks {
        let checks = vec![Some(Numbers::Level(0.1 + n as f64))];
        let input = LookInput {
            weight: weight(25),
            control: true,
            history: false,
            harm: 0.000_123,
            ahead: vec![weight(100)],
            lasting: Duration::from_millis(10_003),
            checks,
            split: None,
            sticky: true,
        };
        let seconds = 10 * (memory.judged + 1).cast_signed();
        memory.keep(Kept { at: at(seconds), lives: 0, compared: vec![true], input, mark: 7 });
    }
    memory
}

pub fn entry(kind: &str, seconds: i64) -> Entry {
    let detail =
        json!({ "before": 0.000_123_456_789, "after": 9.869_604_401_089_358e15, "n": seconds });
    let text = format!("{kind} of \"the\" canary · ü");
    Entry { at: at(seconds), by: Actor::token("kim"), kind: kind.to_owned(), text, detail }
}

pub fn new_rollout(plan_name: &str, on: &Route, may_queue: bool) -> NewRollout {
    let program = Program {
        plan: plan(plan_name, on),
        route: on.clone(),
        inputs: BTreeMap::from([("version".to_owned(), "v2".to_owned())]),
        canary_side: Side::B,
        canary: "v2".to_owned(),
        baseline: "v1".to_owned(),
        uses: Vec::new(),
    };
    NewRollout {
        program,
        plan_revision: 1,
        state: state(Phase::Queued),
        memory: memory(0),
        entry: entry("started", 0),
        at: at(0),
        may_queue,
    }
}

pub async fn started(store: &dyn Store, plan_name: &str, on: &Route) -> Stored {
    match store.start(new_rollout(plan_name, on, true)).await.expect("a start") {
        Started::New { stored, .. } => *stored,
        other => panic!("{plan_name} did not start: {other:?}"),
    }
}

/// A commit that moves `stored` to `phase` with one journal line, and leaves the route alone.
pub fn commit(stored: &Stored, phase: Phase, kind: &str) -> Commit {
    Commit {
        name: stored.name.clone(),
        expected_version: stored.version,
        state: State { phase, ..stored.state.clone() },
        memory: memory(stored.memory.looks + 1),
        entries: vec![entry(kind, stored.version)],
        effects: Vec::new(),
        at: at(stored.version),
        program: None,
        route: None,
    }
}

pub fn shifting() -> Phase {
    Phase::Shifting { step: 0, next: 1, since: at(1) }
}

pub fn baking(seconds: u64) -> Phase {
    Phase::Baking { step: 0, next: 1, earned: Duration::from_secs(seconds), since: at(2) }
}

pub fn reverted() -> Phase {
    let because = Reason::Silence { lasted: Duration::from_secs(300) };
    Phase::Reverted { because, at: at(9) }
}

/// The route's next generation, held by `holder`, with the canary at `percent`.
pub fn shift(row: &RouteRow, holder: Option<&RolloutName>, percent: u32) -> RouteChange {
    RouteChange {
        route: row.route.name.clone(),
        expected: row.generation,
        generation: Generation(row.generation.0 + 1),
        share: weight(percent),
        overrides: Vec::new(),
        serving: row.serving,
        labels: [Some("v1".to_owned()), Some("v2".to_owned())],
        holder: holder.cloned(),
        last_completed: row.last_completed.clone(),
        learned: None,
        raises: percent > 0,
    }
}

pub fn notify(text: &str) -> Effect {
    Effect::Notify { text: text.to_owned(), needs_person: true }
}
