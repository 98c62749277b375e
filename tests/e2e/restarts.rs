//! Programs come and go in the middle of a bake: the split stands or is restored, and no bake is shortened.

use std::time::Duration;

use crate::server::End;
use crate::world::{AT_THE_PROXY, World, measured, none_dropped};

const STEPS: &str = "{ shift: 50%, bake: 12s }, { shift: 100% }";
const BAKE: Duration = Duration::from_secs(12);

/// From the confirmation of the first step to its passing.
async fn baked(world: &World, name: &str) -> Duration {
    let at = async |kind: &str| world.told(name, kind).await[0].at.0;
    at("passed").await.since(at("confirmed").await)
}

async fn earned(world: &World, name: &str) -> f64 {
    world.tidegate.rollout(name).await.progress.expect("it bakes").earned_seconds
}

async fn earns(world: &World, name: &str, seconds: f64) {
    world
        .comes_to(name, "it earns", |view| {
            view.progress.as_ref().is_some_and(|p| p.earned_seconds >= seconds)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_restarts_in_the_middle_of_a_bake() {
    let mut world = World::start().await;
    let name = world.release("v2", STEPS, AT_THE_PROXY).await;
    world.bakes(&name, 500_000, 500_000).await;
    earns(&world, &name, 3.0).await;

    let began = world.now();
    world.proxy.restart().await;
    let up = world.since(began);
    world.proxy.reaches(500_000).await;
    measured("HAProxy's own restart", up);
    measured("the same until it has its split again", world.since(began));
    world.completes(&name).await;
    assert!(baked(&world, &name).await >= BAKE);
    world.proxy.reaches(1_000_000).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tidegate_restarts_in_the_middle_of_a_bake() {
    let mut world = World::start().await;
    let name = world.release("v2", STEPS, AT_THE_PROXY).await;
    world.bakes(&name, 500_000, 500_000).await;

    for how in [End::Told, End::Killed] {
        earns(&world, &name, earned(&world, &name).await + 2.0).await;
        let before = earned(&world, &name).await;
        let began = world.now();
        world.tidegate.restart(how).await;
        measured(&format!("restart of Tidegate ({how:?})"), world.since(began));
        let view = world.tidegate.rollout(&name).await;
        assert_eq!((view.phase.word.as_str(), view.split.wish_ppm), ("baking", 500_000));
        let after = view.progress.expect("it bakes").earned_seconds;
        assert!(after <= before + 1.0, "earned {before} s, and {after} s just after a restart");
        assert_eq!(world.proxy.share().await, 500_000);
    }
    world.completes(&name).await;
    assert!(baked(&world, &name).await >= BAKE);
    let shifts: Vec<String> =
        world.told(&name, "shift").await.into_iter().map(|line| line.text).collect();
    let once = ["0 % → 50 %", "50 % → 90 %", "90 % → 100 %, the last share"];
    assert_eq!(shifts, once, "no step is repeated or skipped");
    world.proxy.reaches(1_000_000).await;
    none_dropped(&world.end().await);
}
