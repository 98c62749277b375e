//! Harmless canaries: how often each rule reverts them.

use crate::many::{Summary, each};
use crate::rule::Contender;
use crate::table;
use crate::targets::Targets;
use crate::world::World;

pub fn print(rollouts: u64, contenders: &[Contender], targets: &mut Targets) {
    table::title(
        "Good canary: reverted, % ± Monte-Carlo error (bursts and rises hit both arms; x1.1 is what ours 1.1 tolerates)",
    );
    table::row("base rate, traffic", contenders.iter().map(|c| c.name));
    for (what, world) in worlds() {
        let summaries = summaries(&world, rollouts, contenders);
        table::row(what, summaries.iter().map(cell));
        for (contender, summary) in contenders.iter().zip(&summaries) {
            if contender.name.starts_with("ours") {
                targets.harmless(format!("{what}, {}", contender.name), summary);
            }
        }
    }
    at_the_tolerance(rollouts, contenders, targets);
}

/// A canary that fails exactly as much more often as is tolerated is harmless as well.
fn at_the_tolerance(rollouts: u64, contenders: &[Contender], targets: &mut Targets) {
    let shipped = contenders.last().expect("ours comes last");
    for (what, world) in worlds() {
        let world = World { harm: |_| crate::ours::SHIPPED, ..world };
        let ends = each(rollouts, |seed| world.play(seed, std::slice::from_ref(shipped)));
        let summary = Summary::all(&ends)[0];
        let empty = vec![""; contenders.len() - 1];
        let label = format!("x1.1: {what}");
        table::row(&label, empty.into_iter().chain([cell(&summary).as_str()]));
        targets.harmless(format!("{label}, {}", shipped.name), &summary);
    }
}

fn summaries(world: &World, rollouts: u64, contenders: &[Contender]) -> Vec<Summary> {
    Summary::all(&each(rollouts, |seed| world.play(seed, contenders)))
}

fn cell(summary: &Summary) -> String {
    let percent = summary.percent();
    match summary.reverted {
        0 => "0".to_owned(),
        n if n == summary.rollouts => "100".to_owned(),
        _ => table::with_error(percent.value, percent.error),
    }
}

fn worlds() -> Vec<(&'static str, World)> {
    let quiet = World::quiet;
    let clusters = |cluster| World { cluster, ..quiet(0.01, 100.0) };
    vec![
        ("0.1 %, 1 rps", quiet(0.001, 1.0)),
        ("0.1 %, 100 rps", quiet(0.001, 100.0)),
        ("0.1 %, 1000 rps", quiet(0.001, 1000.0)),
        ("1 %, 10 rps", quiet(0.01, 10.0)),
        ("1 %, 100 rps", quiet(0.01, 100.0)),
        ("1 %, 1000 rps", quiet(0.01, 1000.0)),
        ("burst x20, 0.1 % 1000 rps", World { weather: burst, ..quiet(0.001, 1000.0) }),
        ("burst x20, 1 % 100 rps", World { weather: burst, ..quiet(0.01, 100.0) }),
        ("rise x4, 1 % 100 rps", World { weather: rising, ..quiet(0.01, 100.0) }),
        ("clusters of 3, 1 % 100 rps", clusters(3.0)),
        ("clusters of 10, 1 % 100 rps", clusters(10.0)),
        ("clusters of 30, 1 % 100 rps", clusters(30.0)),
        ("clusters of 3, burst x20", World { weather: burst, ..clusters(3.0) }),
        ("arm noise 0.3, 1 % 1000 rps", World { noise: 0.3, ..quiet(0.01, 1000.0) }),
    ]
}

/// Five minutes at times 20.
fn burst(minute: f64) -> f64 {
    if (22.0..27.0).contains(&minute) { 20.0 } else { 1.0 }
}

/// Fourfold over the rollout.
fn rising(minute: f64) -> f64 {
    1.0 + 3.0 * minute / 50.0
}
