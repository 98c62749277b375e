//! Kill -9 at any moment, then start: it goes on where it was. The real binary, a real HAProxy, real load.
//!
//! The moments are drawn from a seed that is printed; `TIDEGATE_KILL9_SEED` and `TIDEGATE_KILL9_KILLS` choose others.
//! What is right is decided at the end by [`check`], from HAProxy's share over time and the journals alone.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod journal;
mod people;
mod server;
mod watch;
mod world;

use std::io::Write;

use rand::SeedableRng;
use rand::rngs::StdRng;

use world::World;

const KILLS: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_move_no_user_wrongly() {
    let any = || server::now().micros().unsigned_abs() % 100_000;
    let seed = chosen("TIDEGATE_KILL9_SEED").unwrap_or_else(any);
    let kills = chosen("TIDEGATE_KILL9_KILLS").unwrap_or(KILLS);
    say(&format!("kill9: TIDEGATE_KILL9_SEED={seed}"));
    let mut world = World::start(StdRng::seed_from_u64(seed)).await;
    for _ in 0..kills {
        world.live_and_die().await;
    }
    let summary = world.settle_and_check().await;
    say(&format!("kill9: {summary} (seed {seed})"));
}

fn chosen(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")))
}

/// Past the capture of test output: the figures are the point of a run that passes.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
