//! Our judge beside the rules of other tools, in worlds of seeded traffic: harmless canaries, bad ones, the least that
//! any test needs, ladders that evidence opens, latency. Ends with what this project promises and whether it holds.
//!
//! `cargo run --release --example judge [-- --rollouts N]`. Every number comes with its Monte-Carlo error or can be had
//! with a smaller one by more rollouts; the same N gives the same numbers however many cores there are.
#![allow(clippy::print_stdout, reason = "its report is for the terminal")]

mod bad;
mod chance;
mod good;
mod ladder;
mod latency;
mod many;
mod ours;
mod peers;
mod rule;
mod table;
mod targets;
mod wald;
mod world;

use std::process::ExitCode;

use rule::Contender;
use targets::Targets;

/// About two minutes on two cores.
const ROLLOUTS: u64 = 2500;

fn main() -> ExitCode {
    let Some(rollouts) = rollouts() else {
        println!("usage: cargo run --release --example judge [-- --rollouts N]");
        return ExitCode::from(2);
    };
    let contenders: Vec<Contender> = peers::all().into_iter().chain(ours::all()).collect();
    legend(rollouts, &contenders);
    let mut targets = Targets::default();
    good::print(rollouts, &contenders, &mut targets);
    bad::print(rollouts, &contenders, &mut targets);
    wald::print(rollouts, &mut targets);
    ladder::print(rollouts.div_ceil(2), &mut targets);
    latency::print(rollouts.div_ceil(2), &mut targets);
    if targets.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `None`: not understood.
fn rollouts() -> Option<u64> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(ROLLOUTS),
        ["--rollouts", n] => n.parse().ok().filter(|&n| n > 0),
        _ => None,
    }
}

fn legend(rollouts: u64, contenders: &[Contender]) {
    println!(
        "# The judge beside its peers: {rollouts} rollouts a world (half as many for ladders and latency)\n"
    );
    println!(
        "Ladder 1, 5, 25, 50, 100 %, ten minutes each, looks of 60 s unless said; 120 looks of the baseline alone before."
    );
    println!(
        "Every rule sees the same looks. The peers' rules are restated from their documentation:\n"
    );
    for contender in contenders {
        println!("{:<9} {}", contender.name, contender.source);
    }
}
