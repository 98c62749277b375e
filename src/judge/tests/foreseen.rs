//! Forecasts against seeded rollouts through `look`: what is printed is within a quarter of the simulated mean.

use super::weight;
use super::world::{End, World};
use crate::judge::planning::*;
use crate::judge::{Rules, Tolerance};

const ROLLOUTS: u64 = 60;

/// An internal service: 2 requests/s, of which 0.5 % fail.
fn thin() -> World {
    World {
        look_seconds: 10,
        looks_per_step: 3000,
        tolerate: Tolerance::default(),
        ..World::quiet(0.005, 2.0)
    }
}

fn outlook(world: &World) -> Outlook {
    Outlook {
        base_rate: world.base_rate,
        requests_per_second: world.requests_per_second,
        look_seconds: world.look_seconds as f64,
        tolerate: world.tolerate,
        rules: Rules::new(300.0),
    }
}

#[track_caller]
fn about(what: &str, got: f64, simulated: f64) {
    assert!((got / simulated - 1.0).abs() < 0.25, "{what}: {got:.1}, simulated {simulated:.1}");
}

fn mean(ends: &[End], of: impl Fn(&End) -> f64) -> f64 {
    ends.iter().map(of).sum::<f64>() / ends.len() as f64
}

#[track_caller]
fn check_reaction(world: World, worsening: f64) {
    let ends: Vec<End> = (0..ROLLOUTS).map(|seed| world.play(seed)).collect();
    let seconds = mean(&ends, |end| end.looks as f64 * world.look_seconds as f64);
    let told = outlook(&world).reaction(world.ladder[0], worsening).expect("seen");
    about("seconds", told.seconds, seconds);
    about("excess failures", told.excess_failures, mean(&ends, |end| end.excess));
}

#[test]
fn a_fault_is_reverted_as_soon_and_as_cheaply_as_foreseen() {
    let ladders: [&[f64]; 4] = [&[0.1], &[0.25], &[0.5], &[0.9]];
    for ladder in ladders {
        check_reaction(World { harm: |_| 5.0, ladder, ..thin() }, 5.0);
        check_reaction(World { harm: |_| 20.0, ladder, ..thin() }, 20.0);
    }
}

/// A look is the least there is: one that fails everything is met by whole looks.
#[test]
fn much_traffic_is_foreseen_too() {
    let much = World {
        look_seconds: 10,
        looks_per_step: 600,
        ladder: &[0.01],
        ..World::quiet(0.001, 1000.0)
    };
    check_reaction(World { harm: |_| 5.0, ..much.clone() }, 5.0);
    check_reaction(World { harm: |_| 1000.0, ..much }, 1000.0);
}

#[test]
fn a_fault_that_comes_late_costs_about_what_is_foreseen_at_that_weight() {
    let late = World {
        looks_per_step: 800,
        ladder: &[0.1, 0.25, 0.25],
        harm: |look| if look < 800 { 1.0 } else { 5.0 },
        ..thin()
    };
    let ends: Vec<End> = (0..ROLLOUTS).map(|seed| late.play(seed)).collect();
    let told = outlook(&late).reaction(0.25, 5.0).expect("seen");
    about("seconds", told.seconds, mean(&ends, |end| (end.looks as f64 - 800.0) * 10.0));
    about("excess failures", told.excess_failures, mean(&ends, |end| end.excess));
}

fn stages(world: &World) -> Vec<Stage> {
    let harm = harm_budget(world.base_rate, world.budget);
    let stage = |pair: &[f64]| Stage {
        weight: pair[0],
        margin: Some(margin(harm, weight(pair[1]))),
        least_seconds: 2.0 * world.look_seconds as f64,
        most_seconds: f64::INFINITY,
    };
    world.ladder.windows(2).map(stage).collect()
}

/// Gates gain from the first step on: taken one by one they would be foreseen to take half as long again. The thin
/// ladder ends at 90 %: with so little baseline there, the mean is made by the few rollouts that take very long.
#[test]
fn a_ladder_takes_as_long_as_foreseen() {
    let held: &[f64] = &[0.1, 0.25, 0.5, 0.9];
    let rows = [
        World { budget: Some(0.005), ladder: held, ..thin() },
        World { look_seconds: 10, ..World::quiet(0.001, 1000.0) },
        World { look_seconds: 10, ..World::quiet(0.01, 100.0) },
    ];
    for world in rows {
        let ends: Vec<End> = (0..30).map(|seed| world.climb(seed, 20_000)).collect();
        let told: f64 = outlook(&world).climb(&stages(&world)).iter().sum();
        about("seconds", told, mean(&ends, |end| end.looks as f64 * 10.0));
    }
}

#[test]
fn what_cannot_open_keeps_all_behind_it_shut() {
    let outlook = outlook(&thin());
    let shut =
        Stage { weight: 0.1, margin: Some(0.0), least_seconds: 60.0, most_seconds: f64::INFINITY };
    let open = Stage { margin: None, ..shut };
    assert_eq!(outlook.climb(&[open, shut, open]), [60.0, f64::INFINITY, f64::INFINITY]);
    let doubted = Stage { most_seconds: 3600.0, ..shut };
    assert_eq!(outlook.climb(&[doubted, open]), [3600.0, 60.0]);
}
