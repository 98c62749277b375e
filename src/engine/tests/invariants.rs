//! Every law that one transition shows, broken on purpose.

use std::time::Duration;

use super::laws::PLAN;
use super::play::{Play, program};
use crate::domain::{Actor, Generation, Reason, Timestamp, Weight};
use crate::engine::state::Wish;
use crate::engine::transition::lawful;
use crate::engine::{Command, Event, Finding, Latch, Look, Phase, State, Transition, invariants};

const GATED: &str = "00:00:00 start\n+1s confirmed\nlooks 3 pass";
const BAKING: &str = "00:00:00 start\n+1s confirmed\nlooks 1 pass";
const REVERTING: &str = "00:00:00 start\n+1s confirmed\n+1s revert by jonas";

fn state(script: &str) -> State {
    let mut play = Play::new(PLAN);
    for line in script.lines() {
        play.line(line);
    }
    play.state
}

/// From where the script leads, `event` and a mutation: the first law that is reported.
#[track_caller]
fn check(script: &str, event: &Event, mutate: impl FnOnce(&mut State), expect: &str) {
    let before = state(script);
    let mut after = before.clone();
    mutate(&mut after);
    let broken = invariants(&program(PLAN), &before, event, &after);
    assert_eq!(broken.first().map(String::as_str), Some(expect), "{before:?}\n{after:?}");
}

fn percent(of: u32) -> Weight {
    Weight::from_ppm(of * 10_000).expect("a share")
}

fn next_wish(state: &State, weight: Weight) -> Wish {
    Wish { weight, generation: Generation(state.wish.generation.0 + 1), confirmed_at: None }
}

fn looked(lasting: u64, generation: i64) -> Event {
    Event::Looked(Look {
        generation: Generation(generation),
        lasting: Duration::from_secs(lasting),
        waited: Duration::ZERO,
        finding: Finding::Pass { sentence: String::new() },
        detail: serde_json::Value::Null,
    })
}

fn command(by: &str, command: Command) -> Event {
    Event::Command { by: Actor::token(by), command }
}

fn approve(by: &str) -> Event {
    command(by, Command::Approve { because: String::new(), groups: vec![], answers: vec![] })
}

fn shifting(step: usize) -> Phase {
    Phase::Shifting { step, next: step + 1, since: Timestamp::default() }
}

/// Enters the step after those entered, as `enter` would.
fn step_up(after: &mut State, to: u32) {
    after.entered += 1;
    after.wish = next_wish(after, percent(to));
    after.phase = shifting(after.entered - 1);
}

#[test]
fn l1_stopping_is_for_good_and_goes_to_nothing() {
    check(REVERTING, &Event::Tick, |s| s.latch = Latch::None, "L1: the latch fell");
    let split = "L1: stopped and going back are not the same";
    check(REVERTING, &Event::Tick, |s| s.phase = shifting(0), split);
    check(BAKING, &Event::Tick, |s| s.latch = Latch::Kill, split);
    let unlatched = |s: &mut State| {
        s.wish = next_wish(s, Weight::ZERO);
        let because = Reason::GaveUp { after: Duration::ZERO };
        s.phase = Phase::Reverting { because, since: Timestamp::default(), alarmed: false };
    };
    check(BAKING, &Event::Tick, unlatched, split);
    let raised = |s: &mut State| s.wish = next_wish(s, percent(1));
    check(REVERTING, &Event::Tick, raised, "L1: going back, not to 0 %");
}

fn end(after: &mut State) {
    if let Phase::Reverting { because, since, .. } = after.phase.clone() {
        after.phase = Phase::Reverted { because, at: since };
    }
}

#[test]
fn l2_a_revert_ends_by_confirmation_alone() {
    let early = "L2: reverted before it was confirmed";
    check(REVERTING, &Event::Tick, end, early);
    check(REVERTING, &Event::Confirmed { generation: Generation(8) }, end, early);
}

#[test]
fn l3_the_wish_stays_within_the_steps() {
    let raised = |s: &mut State| s.wish = next_wish(s, percent(2));
    check(GATED, &Event::Tick, raised, "L3: the wish exceeds the steps entered");
}

#[test]
fn l3_gates_open_by_those_who_may() {
    let passed = "L3: a gate was passed";
    check(GATED, &Event::Tick, |s| step_up(s, 50), passed);
    check(GATED, &looked(10, 8), |s| step_up(s, 50), passed);
    check(GATED, &approve("ci"), |s| step_up(s, 50), passed);
    let waits = |s: &mut State| {
        s.phase = Phase::Waiting { step: 2, from: Some(0), until: Timestamp::default() };
    };
    check(GATED, &Event::Tick, waits, passed);
    let paused = format!("{GATED}\n+1s pause by jonas");
    check(&paused, &approve("jonas"), |s| step_up(s, 50), "L3: a step was taken while paused");
}

#[test]
fn l3_hooks_pass_by_success() {
    let calling = |s: &mut State| {
        s.phase = Phase::Calling { step: 1, since: Timestamp::default() };
    };
    let mut before = state(GATED);
    calling(&mut before);
    let mut after = before.clone();
    step_up(&mut after, 50);
    for (answer, holds) in [(Ok(String::new()), true), (Err(String::new()), false)] {
        let event = Event::HookAnswered { step: 1, answer };
        assert_eq!(invariants(&program(PLAN), &before, &event, &after).is_empty(), holds);
    }
}

#[test]
fn l4_steps_are_taken_once_and_in_order() {
    let skipped = "L4: a step was skipped or entered twice";
    check(BAKING, &Event::Tick, |s| s.entered += 2, skipped);
    check(GATED, &Event::Tick, |s| s.entered -= 1, skipped);
    let promoted = |s: &mut State| s.promoted_by = Some(Actor::engine());
    check(BAKING, &Event::Tick, promoted, "L4: promoted by nobody's command");
    let last = |s: &mut State| s.phase = Phase::Finishing { since: Timestamp::default() };
    check(
        &format!("{BAKING}\n+1s pause by jonas"),
        &Event::Tick,
        last,
        "L4: at the end before every step",
    );
}

#[test]
fn l5_generations_fence() {
    let fell = |s: &mut State| s.wish.generation = Generation(3);
    check(BAKING, &Event::Tick, fell, "L5: the generation fell");
    let lowered = |s: &mut State| s.wish.weight = Weight::ZERO;
    check(BAKING, &Event::Tick, lowered, "L5: another split under an old generation");
    let sent = |s: &mut State| {
        s.wish = Wish { confirmed_at: Some(s.started_at), ..next_wish(s, s.wish.weight) };
    };
    check(BAKING, &Event::Tick, sent, "L5: in force before it was sent");
    let confirmed = |s: &mut State| s.wish.confirmed_at = Some(s.started_at);
    let unsaid = "L5: in force, and nobody said so";
    check("00:00:00 start", &Event::Tick, confirmed, unsaid);
    check("00:00:00 start", &Event::Confirmed { generation: Generation(7) }, confirmed, unsaid);
    check("00:00:00 tick", &Event::Tick, confirmed, "L5: in force before it was sent");
}

#[test]
fn l6_a_bake_is_watched() {
    let earn = |seconds| {
        move |s: &mut State| {
            let bake = match &mut s.phase {
                Phase::Paused { was, .. } => &mut **was,
                phase => phase,
            };
            if let Phase::Baking { earned, .. } = bake {
                *earned += Duration::from_secs(seconds);
            }
        }
    };
    let more = "L6: more was earned than watched";
    check(BAKING, &looked(10, 8), earn(11), more);
    check(BAKING, &looked(10, 7), earn(1), more);
    check(BAKING, &Event::Tick, earn(1), more);
    check(&format!("{BAKING}\n+1s pause by jonas"), &looked(10, 8), earn(1), more);
    let born = |s: &mut State| {
        s.wish.confirmed_at = Some(s.started_at);
        let earned = Duration::from_secs(1);
        s.phase = Phase::Baking { step: 0, next: 1, earned, since: s.started_at };
    };
    check("00:00:00 start", &Event::Confirmed { generation: Generation(8) }, born, more);
    let gate = |s: &mut State| {
        s.entered += 1;
        s.phase = Phase::Gated { step: 1, since: Timestamp::default() };
    };
    check(BAKING, &looked(10, 8), gate, "L6: a bake was cut short");
    let waits = |s: &mut State| {
        s.phase = Phase::Waiting { step: 1, from: Some(0), until: Timestamp::default() };
    };
    check(BAKING, &looked(19, 8), waits, "L6: a bake was cut short");
}

#[test]
fn l7_the_first_reason_stays() {
    let other = |s: &mut State| {
        if let Phase::Reverting { because, .. } = &mut s.phase {
            *because = Reason::GaveUp { after: Duration::ZERO };
        }
    };
    check(REVERTING, &Event::Tick, other, "L7: the reason changed");
}

#[test]
fn an_end_is_an_end() {
    let reverted = format!("{REVERTING}\n+1s confirmed");
    let alive = |s: &mut State| {
        if let Phase::Reverted { because, at } = s.phase.clone() {
            s.phase = Phase::Reverting { because, since: at, alarmed: false };
        }
    };
    check(&reverted, &Event::Tick, alive, "an ended rollout moved");
    let completed = format!("{BAKING}\n+1s promote by jonas\n+1s confirmed");
    let again = |s: &mut State| s.phase = Phase::Finishing { since: Timestamp::default() };
    check(&completed, &Event::Tick, again, "an ended rollout moved");
}

/// What production makes of a decision that breaks a law.
fn caught(before: &State, mutate: impl FnOnce(&mut State)) -> Transition {
    let mut next = before.clone();
    mutate(&mut next);
    let decided = Transition { next, entries: vec![], effects: vec![], refused: None };
    lawful(&program(PLAN), before, &Event::Tick, before.journalled_at, decided)
}

#[test]
fn a_broken_law_freezes_and_tells() {
    let before = state(BAKING);
    let met = caught(&before, |s| s.wish = next_wish(s, percent(100)));
    assert_eq!(met.next.wish, before.wish);
    assert!(matches!(met.next.phase, Phase::Paused { because: Reason::Violation { .. }, .. }));
    assert_eq!((met.entries.len(), met.effects.len()), (1, 1));
    let again = caught(&met.next, |s| s.wish = next_wish(s, percent(100)));
    assert_eq!(
        again,
        Transition { next: met.next, entries: vec![], effects: vec![], refused: None }
    );
}

#[test]
fn a_broken_law_never_stops_a_revert() {
    let before = state(REVERTING);
    let raised = caught(&before, |s| s.phase = shifting(0));
    assert_eq!(raised.next, before);
    assert_eq!(caught(&before, end).next, before);
    // Whatever else is wrong with it, a decision to go back is carried out.
    let back = |s: &mut State| {
        s.entered += 2;
        s.latch = Latch::Revert;
        s.wish = next_wish(s, Weight::ZERO);
        let because = Reason::GaveUp { after: Duration::ZERO };
        s.phase = Phase::Reverting { because, since: Timestamp::default(), alarmed: false };
    };
    assert!(matches!(caught(&state(BAKING), back).next.phase, Phase::Reverting { .. }));
}
