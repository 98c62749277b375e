//! A ladder that evidence opens ("harm budget"), against the same judge on ten minutes a step. Looks of 10 s.

use crate::chance::Chance;
use crate::many::{Mean, Summary, each};
use crate::ours::{self, Answer, Ours, STRICT};
use crate::rule::Past;
use crate::table;
use crate::targets::Targets;
use crate::world::{End, LADDER, World};

/// Looks until nobody waits any longer: 24 hours.
const MOST: u64 = 24 * 360;
const FEWEST_A_STEP: u64 = 2;

pub fn print(rollouts: u64, targets: &mut Targets) {
    table::title(
        "Evidence-gated ladder, harm budget max(0.05 pp, 20 % of the base rate), ours 1.0, looks of 10 s",
    );
    table::row("", ["gated", "", "", "", "fixed", "", ""]);
    let columns = ["reverted", "at 100 %", "minutes", "excess", "reverted", "minutes", "excess"];
    table::row("base rate, traffic, canary", columns);
    for (what, world) in worlds() {
        let world = World { look_seconds: 10, ..world };
        let climbs = each(rollouts, |seed| climb(&world, seed));
        let gated = Summary::of(climbs.iter().map(|climb| climb.end));
        let top = Mean::of(climbs.iter().map(|climb| f64::from(u8::from(climb.topped)))).value;
        let fixed = Summary::all(&each(rollouts, |seed| world.play(seed, &ours::all()[..1])))[0];
        let cells = [
            percent(&gated),
            format!("{:.1} %", 100.0 * top),
            table::number(gated.minutes),
            excess(&gated),
        ];
        let beside = [percent(&fixed), table::number(fixed.minutes), excess(&fixed)];
        table::row(what, cells.iter().chain(&beside));
        if (world.harm)(0.0) <= 1.0 {
            targets.harmless(format!("gated ladder, {what}"), &gated);
            targets.harmless(format!("fixed ladder, {what}"), &fixed);
        }
        if what.starts_with("good 0.1 % 1000") {
            targets.at_most(
                "minutes of a good canary to 100 %, 0.1 % 1000 rps".to_owned(),
                gated.minutes,
                5.0,
            );
        }
    }
}

struct Climb {
    end: End,
    topped: bool,
}

/// Until 100 %, a revert or the last look.
fn climb(world: &World, seed: u64) -> Climb {
    let mut chance = Chance::new(seed);
    let looks = world.history(&mut chance);
    let past = Past { looks: &looks, planned_looks: 300.0, look_seconds: world.look_seconds };
    let mut ours = Ours::new(&past, STRICT);
    let (mut step, mut seen_at_step, mut end) = (0, 0, End::default());
    for at in 0..MOST {
        let seen = world.look(at, LADDER[step], &mut chance);
        end.excess += world.excess(at, &seen);
        end.minutes = world.minutes(at + 1);
        seen_at_step += 1;
        match ours.judge(&seen, world.base_rate, &LADDER[step + 1..]) {
            Answer::Revert => {
                end.reverted = true;
                break;
            }
            Answer::Open if seen_at_step >= FEWEST_A_STEP => (step, seen_at_step) = (step + 1, 0),
            Answer::Open | Answer::Wait => {}
        }
        if step == LADDER.len() - 1 {
            return Climb { end, topped: true };
        }
    }
    Climb { end, topped: false }
}

fn percent(summary: &Summary) -> String {
    format!("{:.1} %", summary.percent().value)
}

fn excess(summary: &Summary) -> String {
    let error = table::number(summary.excess.error);
    format!("{}±{error}", table::number(summary.excess.value))
}

fn worlds() -> Vec<(&'static str, World)> {
    let bad = |base, rps, harm| World { harm, ..World::quiet(base, rps) };
    vec![
        ("good 0.1 % 1000 rps", World::quiet(0.001, 1000.0)),
        ("good 0.1 % 100 rps", World::quiet(0.001, 100.0)),
        ("good 1 % 100 rps", World::quiet(0.01, 100.0)),
        ("good 1 % 10 rps", World::quiet(0.01, 10.0)),
        ("0.1 % 1000 rps, x5", bad(0.001, 1000.0, |_| 5.0)),
        ("0.1 % 1000 rps, x2", bad(0.001, 1000.0, |_| 2.0)),
        ("0.1 % 1000 rps, x1.5", bad(0.001, 1000.0, |_| 1.5)),
        ("1 % 10 rps, x2", bad(0.01, 10.0, |_| 2.0)),
    ]
}
