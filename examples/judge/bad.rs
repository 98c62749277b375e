//! Bad canaries: what each rule lets them do.

use crate::many::{Summary, each};
use crate::rule::Contender;
use crate::table;
use crate::targets::Targets;
use crate::world::World;

/// A rule that reverts more good canaries than this, in percent, says nothing by reverting a bad one.
const USELESS: f64 = 10.0;

/// What happens to the canary, and what our strict judge may let through: excess failures, and bad canaries.
struct Case {
    what: &'static str,
    world: World,
    most_excess: Option<f64>,
    /// Rollouts in percent that may end without a revert.
    most_missed: Option<f64>,
}

pub fn print(rollouts: u64, contenders: &[Contender], targets: &mut Targets) {
    table::title(
        "Bad canary: reverted %, mean excess failures until the revert or the end, mean minutes\n   \
         (* reverts more than 10 % of good canaries in the same world: no information)",
    );
    table::row("base rate, traffic, harm", contenders.iter().map(|c| c.name));
    for case in cases() {
        let summaries = summaries(&case.world, rollouts, contenders);
        let good = World { harm: |_| 1.0, ..case.world };
        let good = self::summaries(&good, rollouts.div_ceil(5), contenders);
        let marked = summaries.iter().zip(&good).map(|(bad, good)| found(bad, good));
        table::row(case.what, marked);
        table::row("", summaries.iter().map(excess));
        table::row("", summaries.iter().map(|s| format!("{:.0} min", s.minutes)));
        let strict = contenders.iter().position(|c| c.name == "ours 1.0").expect("a column");
        if let Some(most) = case.most_excess {
            let what = format!("excess failures, {}, ours 1.0", case.what);
            targets.at_most(what, summaries[strict].excess.value, most);
        }
        if let Some(most) = case.most_missed {
            let what = format!("% missed, {}, ours 1.0", case.what);
            targets.at_most(what, 100.0 - summaries[strict].percent().value, most);
        }
    }
}

fn summaries(world: &World, rollouts: u64, contenders: &[Contender]) -> Vec<Summary> {
    Summary::all(&each(rollouts, |seed| world.play(seed, contenders)))
}

fn found(bad: &Summary, good: &Summary) -> String {
    let mark = if good.percent().value > USELESS { "*" } else { " " };
    format!("{:.0} %{mark}", bad.percent().value)
}

fn excess(summary: &Summary) -> String {
    let error = table::number(summary.excess.error);
    format!("{}±{error}", table::number(summary.excess.value))
}

fn cases() -> Vec<Case> {
    let case = |what, world, most_excess| Case { what, world, most_excess, most_missed: None };
    let bad = |base, rps, harm| World { harm, ..World::quiet(base, rps) };
    let short = |world| World { look_seconds: 10, ..world };
    vec![
        case("0.1 % 1000 rps, x1.5", bad(0.001, 1000.0, |_| 1.5), None),
        case("0.1 % 1000 rps, x2", bad(0.001, 1000.0, |_| 2.0), Some(27.0)),
        case("0.1 % 1000 rps, x2, 10 s", short(bad(0.001, 1000.0, |_| 2.0)), Some(27.0)),
        case("0.1 % 1000 rps, x5", bad(0.001, 1000.0, |_| 5.0), Some(11.0)),
        case("0.1 % 1000 rps, x5, 10 s", short(bad(0.001, 1000.0, |_| 5.0)), Some(11.0)),
        case("0.1 % 100 rps, x5", bad(0.001, 100.0, |_| 5.0), None),
        case("1 % 100 rps, x2", bad(0.01, 100.0, |_| 2.0), None),
        Case { most_missed: Some(15.0), ..case("1 % 10 rps, x2", bad(0.01, 10.0, |_| 2.0), None) },
        case("1 % 1 rps, x5", bad(0.01, 1.0, |_| 5.0), None),
        case("0.1 % 1000 rps, all fail", bad(0.001, 1000.0, |_| 1000.0), None),
        case("0.1 % 1000 rps, all fail, 10 s", short(bad(0.001, 1000.0, |_| 1000.0)), Some(105.0)),
        case("0.1 % 1000 rps, leak to x5", bad(0.001, 1000.0, leak), None),
        case("1 % 100 rps, x2 from minute 35", bad(0.01, 100.0, late), None),
    ]
}

/// Grows from minute 15 to 40.
fn leak(minute: f64) -> f64 {
    1.0 + 4.0 * ((minute - 15.0) / 25.0).clamp(0.0, 1.0)
}

fn late(minute: f64) -> f64 {
    if minute < 35.0 { 1.0 } else { 2.0 }
}
