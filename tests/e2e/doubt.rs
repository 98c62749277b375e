//! A blind judge neither raises nor reverts.

use std::time::Duration;

use tidegate::api::views::RolloutView;

use crate::world::{BY_THE_APPS, SECOND, World, none_dropped};

/// Long enough that it is under way when the source goes, and short enough to end soon after.
const BAKE: Duration = Duration::from_secs(12);
/// So long nobody answers at Prometheus' port.
const DOWN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_down_for_two_minutes() {
    let mut world = World::with_prometheus(SECOND).await;
    let name = world.release("v2", "{ shift: 50%, bake: 12s }, { shift: 100% }", BY_THE_APPS).await;
    world.bakes(&name, 500_000, 500_000).await;
    world.tells(&name, "verdict", "pass").await;

    world.prometheus.as_mut().expect("one").stop();
    let blind = world.tells(&name, "verdict", "blind").await;
    assert!(blind.text.contains("Prometheus `default`"), "{}", blind.text);
    let is_blind = |view: &RolloutView| view.headline.starts_with("blind, the weight stays 50 %");
    let before = world.comes_to(&name, "it is blind", is_blind).await;
    let earned = before.progress.expect("it bakes").earned_seconds;
    assert!(earned < BAKE.as_secs_f64(), "nothing is left to be shortened: {earned}");

    world.holds(&name, 500_000, 500_000, DOWN).await;
    let after = world.tidegate.rollout(&name).await;
    assert_eq!(after.phase.word, "baking", "{}", world.history(&name).await);
    assert_eq!(after.progress.expect("it bakes").earned_seconds, earned, "nothing was judged");

    world.prometheus.as_mut().expect("one").start_again().await;
    world.completes(&name).await;
    let verdicts = world.told(&name, "verdict").await;
    let wrong = ["no traffic", "silent", "mismatch"];
    let blamed = verdicts.iter().find(|line| wrong.iter().any(|word| line.text.contains(word)));
    assert_eq!(blamed, None, "what was not seen is not what did not come");
    let at = async |kind: &str| world.told(&name, kind).await[0].at.0;
    let baked = at("passed").await.since(at("confirmed").await);
    assert!(baked >= BAKE + DOWN, "baked {baked:?} with a gap of {DOWN:?}");
    none_dropped(&world.end().await);
}
