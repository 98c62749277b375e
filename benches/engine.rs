//! One decision of the engine with its laws checked, beside cloning the state it decides on.
//!
//! `cargo bench --bench engine`, about 2 s.
#![allow(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::hint::black_box;
use std::time::Duration;

use tidegate::domain::{Actor, Generation, Timestamp};
use tidegate::engine::{Event, Finding, Look, Phase, State, initial, invariants, transition};
use tidegate::plan::Program;

mod common;
use common::Row;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const ROUTE_AND_PLAN: &str = include_str!("common/checkout.yaml");

fn main() {
    let program = common::program(ROUTE_AND_PLAN);
    let shifting = shifting(&program);
    let baking = decided(&program, &decided(&program, &shifting, &confirmed(&shifting)), &thin());
    assert!(matches!(baking.phase, Phase::Baking { .. }), "{baking:?}");
    let reverting = decided(&program, &baking, &regression());
    assert!(matches!(reverting.phase, Phase::Reverting { .. }), "{reverting:?}");
    let decides = |what, state: &State, event: Event| {
        let (program, state) = (&program, state.clone());
        Row::new(what, move || decide(program, &state, &event))
    };
    common::compare(
        "engine: a transition and its invariants",
        vec![
            Row::new("floor: cloning the state", || drop(black_box(black_box(&baking).clone()))),
            decides("a look that changes nothing", &baking, thin()),
            decides("a confirmation", &shifting, confirmed(&shifting)),
            decides("a regression, and back it goes", &baking, regression()),
        ],
    );
}

/// What the scheduler pays for an event, short of storing it.
fn decide(program: &Program, state: &State, event: &Event) {
    let decided = transition(program, black_box(state), black_box(event), NOW);
    let broken = invariants(program, state, event, &decided.next);
    assert!(black_box(broken).is_empty());
    drop(black_box(decided));
}

fn decided(program: &Program, state: &State, event: &Event) -> State {
    transition(program, state, event, NOW).next
}

fn shifting(program: &Program) -> State {
    let queued = initial(Actor::token("ci"), 0, NOW);
    let begun = decided(program, &queued, &Event::Started { generation: Generation(7) });
    let shifting = decided(program, &begun, &Event::Tick);
    assert!(matches!(shifting.phase, Phase::Shifting { .. }), "{shifting:?}");
    shifting
}

fn confirmed(state: &State) -> Event {
    Event::Confirmed { generation: state.wish.generation }
}

fn thin() -> Event {
    look(Finding::Thin { sentence: "`errors` needs about 7,400 more canary requests".to_owned() })
}

fn regression() -> Event {
    let sentence = "the canary fails 3.8x as often as the baseline: 39 of 7,486 requests against \
                    30 of 22,045; evidence of harm 111 : 1, limit 100 : 1";
    look(Finding::Regression { check: "errors".to_owned(), sentence: sentence.to_owned() })
}

fn look(finding: Finding) -> Event {
    Event::Looked(Look {
        generation: Generation(8),
        lasting: Duration::from_secs(10),
        waited: Duration::ZERO,
        finding,
        detail: serde_json::Value::Null,
    })
}
