//! Latency: what each rule makes of slower answers. A row of results is a shape of harm, a column a rule.

mod contenders;
mod world;

use crate::many::{Mean, Summary, each};
use crate::table;
use crate::targets::Targets;

pub fn print(rollouts: u64, targets: &mut Targets) {
    let contenders = contenders::all();
    table::title(
        "Latency, 100 rps, lognormal with median 50 ms: reverted %, canary requests until the revert or the end",
    );
    for contender in &contenders {
        println!("{:<9} {}", contender.name, contender.source);
    }
    println!();
    table::row("canary", contenders.iter().map(|c| c.name));
    for (what, harmless, world) in world::worlds() {
        let ends = each(rollouts, |seed| world.play(seed, &contenders));
        let summaries = Summary::all(&ends);
        table::row(what, summaries.iter().map(|s| format!("{:.1} %", s.percent().value)));
        if !harmless {
            table::row("", summaries.iter().map(|s| requests(&s.excess)));
            continue;
        }
        for (contender, summary) in contenders.iter().zip(&summaries) {
            if contender.name.starts_with("ours") {
                targets.harmless(format!("latency, {what}, {}", contender.name), summary);
            }
        }
    }
}

fn requests(mean: &Mean) -> String {
    format!("{}±{:.0}", table::number(mean.value), mean.error)
}
