//! A version that hurts what both versions share: comparing them shows nothing, the time before does.

use std::time::Duration;

use crate::world::{SECOND, USUAL, World, measured, none_dropped};

/// What Prometheus knows of v1 when the rollout begins.
const PAST: Duration = Duration::from_secs(20 * 60);
/// Counted by the services. The default but for its length, which a test would wait two minutes for. The past is of use
/// until the first look: on a busy machine an answer may take longer than a second.
const CHECKS: &str = "\
look: 3s
checks:
  errors:
    failures: http_requests_total{$arm, code=\"500\"}
    requests: http_requests_total{$arm}
    tolerate: 1.1x
  whole-route:
    of: both
    failures: http_requests_total{$arm, code=\"500\"}
    requests: http_requests_total{$arm}
    limit: { above: 2x before, for: 3s }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_drags_both_down_is_paused_and_does_not_step_up() {
    let world = World::with_past(SECOND, PAST).await;
    let name = world.release("v2", "{ shift: 50%, bake: 15s }, { shift: 100% }", CHECKS).await;
    world.bakes(&name, 500_000, 500_000).await;
    world.tells(&name, "verdict", "pass").await;

    let began = world.now();
    world.shops.iter().for_each(|shop| shop.fail_share(5.0 * USUAL));
    let view = world.comes_to(&name, "it pauses", |view| view.phase.word == "paused").await;
    measured("pause, from the harm in both on", world.since(began));
    assert_eq!(view.reason.expect("a reason").word, "shared");
    assert_eq!(view.doubt.expect("a doubt").word, "shared");
    assert!(view.headline.starts_with("BOTH versions fail"), "{}", view.headline);
    assert!(view.needs_person);
    let told = &world.told(&name, "paused").await[0].text;
    assert!(told.contains("both arms fail"), "{told}");
    assert!(told.contains("as often as in the"), "{told}");
    world.holds(&name, 500_000, 500_000, Duration::from_secs(12)).await;
    assert_eq!(world.told(&name, "passed").await, []);
    world.recomputed(&name);
    none_dropped(&world.end().await);
}
