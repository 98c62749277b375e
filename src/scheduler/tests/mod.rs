//! The scheduler in virtual time.

mod given_up;
mod world;

use std::time::Duration;

use crate::clock::Mono;
use crate::domain::{Actor, Generation, Reason, RolloutName, Side, Timestamp, Weight};
use crate::engine::{Command, Event, Phase};
use crate::scheduler::core::{Core, Input, Now, Op};
use crate::store::Committed;
use world::{Faults, World, stored};

const PLAN: &str = "
plan: shop
route:
  split: { pull: { unit: user, instances: 1 } }
  arm: { label: version, baseline: old, canary: new }
  count: push
owner: team
bake: 2m
bake_at_most: 20m
steps: [{ shift: 1% }, { shift: 10% }, { shift: 50% }, { shift: 100% }]
on_silence: { revert_after: 60s }
";

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn sick(times: f64, from: Duration) -> Faults {
    Faults { canary: 0.01 * times, sick_from: from, ..Faults::default() }
}

fn shares(world: &World) -> Vec<String> {
    world.in_force.iter().map(|(_, w)| w.to_string()).collect()
}

#[test]
fn a_healthy_canary_climbs_step_by_step_and_completes() {
    let mut world = World::new(1, Faults::default());
    let name = world.start(1, PLAN);
    world.run_for(3 * HOUR);
    assert!(matches!(world.state(&name).phase, Phase::Completed { .. }), "{}", world.told());
    assert_eq!(shares(&world), ["0 %", "1 %", "10 %", "50 %", "90 %", "100 %"]);
    assert!(world.state(&name).swapped);
}

#[test]
fn a_canary_that_turns_bad_is_put_back_and_stays_back() {
    let mut world = World::new(2, sick(8.0, 4 * MINUTE));
    let name = world.start(1, PLAN);
    world.run_for(3 * HOUR);
    let state = world.state(&name);
    assert!(
        matches!(&state.phase, Phase::Reverted { because: Reason::Regression { .. }, .. }),
        "{}",
        world.told()
    );
    assert_eq!(shares(&world).last().map(String::as_str), Some("0 %"));
}

#[test]
fn a_blind_source_holds_the_weight_and_earns_nothing() {
    let blind = Some((5 * MINUTE, 35 * MINUTE));
    let mut world = World::new(3, Faults { blind, ..Faults::default() });
    world.start(1, PLAN);
    world.run_for(35 * MINUTE);
    let from = Mono::from_start(5 * MINUTE + Duration::from_secs(1));
    let moved: Vec<_> = world.in_force.iter().filter(|(at, _)| *at > from).collect();
    assert!(moved.is_empty(), "{moved:?}\n{}", world.told());
    assert!(world.journal.iter().any(|(_, _, e)| e.text.contains("prometheus does not answer")));
}

#[test]
fn a_silent_canary_is_put_back_after_its_limit() {
    let silent_from = Some(5 * MINUTE);
    let mut world = World::new(4, Faults { silent_from, ..Faults::default() });
    let name = world.start(1, PLAN);
    world.run_for(HOUR);
    let phase = &world.state(&name).phase;
    let silenced = matches!(phase, Phase::Reverted { because: Reason::Silence { .. }, .. });
    assert!(silenced, "{phase:?}\n{}", world.told());
}

#[test]
fn the_queue_goes_on_when_the_route_is_free() {
    let plan = PLAN.replace("owner: team", "owner: team\nif_busy: queue");
    let mut world = World::new(5, Faults::default());
    let first = world.start(1, &plan);
    world.run_for(MINUTE);
    let second = world.start(2, &plan);
    world.run_for(MINUTE);
    assert_eq!(world.state(&second).phase, Phase::Queued);
    let command = Command::Revert { because: "enough".to_owned() };
    world.apply(&first, &Event::Command { by: Actor::token("ana"), command });
    world.run_for(MINUTE);
    assert!(matches!(world.state(&first).phase, Phase::Reverted { .. }), "{}", world.told());
    assert!(
        matches!(world.state(&second).phase, Phase::Baking { step: 0, .. }),
        "{}",
        world.told()
    );
}

/// L1, L3, L4, L6 and that everything ends, whatever dies and however the clock jumps.
#[test]
fn no_seed_skips_a_step_shortens_a_bake_or_leaves_users_on_a_sick_canary() {
    for seed in 0..150 {
        let healthy = seed % 3 == 0;
        let faults = if healthy { Faults::default() } else { sick(10.0, 7 * MINUTE) };
        let dies_every = Some(Duration::from_secs(30 + seed % 7 * 40));
        let clock_jumps = seed % 2 == 0;
        let mut world = World::new(seed, Faults { dies_every, clock_jumps, ..faults });
        let name = world.start(1, PLAN);
        world.run_to_end(&name, 30 * HOUR);
        let (state, told) = (world.state(&name), world.told());
        let last = world.in_force.last().map(|(_, w)| *w);
        match &state.phase {
            Phase::Completed { .. } => assert_eq!(last, Some(Weight::FULL), "seed {seed}\n{told}"),
            Phase::Reverted { .. } => assert_eq!(last, Some(Weight::ZERO), "seed {seed}\n{told}"),
            phase => panic!("seed {seed}: still {phase:?} after {} deaths\n{told}", world.deaths),
        }
        let completed = matches!(state.phase, Phase::Completed { .. });
        assert_eq!(completed, healthy, "seed {seed}\n{told}");
        steps_in_order_and_baked(&world);
        world.looks_lead_to_the_evidence(&name);
    }
}

/// Harm in a segment, found by a look at any moment, also while a person pauses; the process dies as it likes.
#[test]
fn no_seed_gives_a_cut_segment_the_canary_again() {
    for seed in 0..25 {
        let dies_every = Some(Duration::from_secs(70 + seed % 5 * 40));
        let clock_jumps = seed % 2 == 0;
        let mut world = World::new(seed, Faults { dies_every, clock_jumps, ..Faults::default() });
        let name = world.start(1, PLAN);
        world.run_for(Duration::from_secs(seed * 13));
        while world.state(&name).wish.weight == Weight::ZERO {
            world.run_for(Duration::from_secs(1));
        }
        if seed % 4 == 0 {
            let command = |command| Event::Command { by: Actor::token("ana"), command };
            world.apply(&name, &command(Command::Pause { because: "lunch".to_owned() }));
            world.blame_ios(&name);
            world.apply(&name, &command(Command::Resume { because: "fed".to_owned() }));
        } else {
            world.blame_ios(&name);
        }
        world.run_to_end(&name, 30 * HOUR);
        cut_stays_cut(&world, &name);
    }
}

fn cut_stays_cut(world: &World, name: &RolloutName) {
    let (seed, told, state) = (world.seed, world.told(), world.state(name));
    assert!(matches!(state.phase, Phase::Completed { .. }), "seed {seed}\n{told}");
    let [cut] = &state.cuts[..] else { panic!("seed {seed}: {:?}\n{told}", state.cuts) };
    for (generation, weight, apart) in &world.splits {
        let expected = *generation >= cut.since && *weight > Weight::ZERO;
        let ios = apart.iter().any(|own| own.segment == cut.segment && own.share == Weight::ZERO);
        assert_eq!(ios, expected, "seed {seed}: split {generation}\n{told}");
    }
    let last = world.splits.last().map(|(_, weight, apart)| (*weight, apart.len()));
    assert_eq!(last, Some((Weight::FULL, 1)), "seed {seed}\n{told}");
}

fn steps_in_order_and_baked(world: &World) {
    let (seed, told) = (world.seed, world.told());
    let raised: Vec<_> = world.in_force.windows(2).filter(|w| w[1].1 > w[0].1).collect();
    for pair in raised.windows(2) {
        assert!(pair[1][1].1 > pair[0][1].1, "seed {seed}: a step again\n{told}");
        let baked = pair[1][1].0.since(pair[0][1].0);
        assert!(baked >= 2 * MINUTE, "seed {seed}: baked {baked:?}\n{told}");
    }
}

#[test]
fn rollouts_that_arrive_together_look_one_after_the_other() {
    let at = |ms: u64| Now {
        wall: Timestamp::default(),
        mono: Mono::from_start(Duration::from_millis(1000 + ms)),
    };
    let mut core = Core::default();
    for number in 1..=3 {
        let mut stored = stored(number, PLAN, Side::A, Timestamp::default());
        stored.state.phase = Phase::Finishing { since: Timestamp::default() };
        let name = stored.name.clone();
        core.input(Input::Loaded { name, stored: Some(Box::new(stored)), free_at: None }, at(0));
    }
    let mut reads = |ms: u64| {
        let ops = core.poll(at(ms));
        ops.iter().filter(|op| matches!(op, Op::Read { .. })).count()
    };
    assert_eq!([0, 1, 2, 3].map(&mut reads), [1, 1, 1, 0]);
}

/// A queued rollout whose route has just become free, and what it asks of the past.
fn begun(core: &mut Core, now: Now) -> (RolloutName, usize) {
    let stored = stored(1, PLAN, Side::A, Timestamp::default());
    let name = stored.name.clone();
    let free_at = Some(Generation(7));
    let loaded = Input::Loaded { name: name.clone(), stored: Some(Box::new(stored)), free_at };
    core.input(loaded.clone(), now);
    let committed = Input::Committed { name: name.clone(), result: Some(Committed::Stale) };
    core.input(committed, now);
    core.input(loaded, now);
    let ops = core.poll(now);
    let asked = ops.iter().filter(|op| matches!(op, Op::History { .. })).count();
    let committing = ops.iter().filter(|op| matches!(op, Op::Commit { .. })).count();
    assert!(committing > 0, "it begins without waiting: {ops:?}");
    (name, asked)
}

#[test]
fn the_past_is_asked_for_once_and_never_waited_for() {
    let now = Now { wall: Timestamp::default(), mono: Mono::default() };
    let mut core = Core::default();
    let (name, asked) = begun(&mut core, now);
    assert_eq!(asked, 1);
    core.input(Input::Committed { name: name.clone(), result: Some(Committed::Stored(2)) }, now);
    let past = Err("prom-eu: no answer within 2s".to_owned());
    core.input(Input::History { name, past }, now);
    let told = core.poll(now).into_iter().find_map(|op| match op {
        Op::Commit { commit, .. } => commit.entries.first().map(|entry| entry.text.clone()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("no history from prom-eu: no answer within 2s"));
}

/// People's commits come between the core's, and a person's "go on" begins a new life; the process dies meanwhile.
#[test]
fn the_looks_kept_are_those_the_evidence_has_taken_in() {
    let plan = PLAN.replace("owner: team", "owner: team\non_regression: pause");
    for seed in 0..12 {
        let dies_every = Some(Duration::from_secs(50 + seed * 20));
        let mut world = World::new(seed, Faults { dies_every, ..sick(6.0, 5 * MINUTE) });
        let name = world.start(1, &plan);
        for minute in 0..40_u32 {
            world.run_for(MINUTE + Duration::from_millis(137 * u64::from(minute)));
            let because = "look on".to_owned();
            let command = match &world.state(&name).phase {
                Phase::Paused { .. } => Command::Resume { because },
                phase if minute % 5 == 4 && phase.holds_route() => Command::Pause { because },
                _ => continue,
            };
            world.apply(&name, &Event::Command { by: Actor::token("ana"), command });
            world.looks_lead_to_the_evidence(&name);
        }
        assert!(world.state(&name).lives > 0, "seed {seed}\n{}", world.told());
        world.looks_lead_to_the_evidence(&name);
    }
}
