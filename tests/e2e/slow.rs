//! A version that is slower and fails nothing more.

use crate::world::{BY_THE_APPS, SECOND, World, measured, none_dropped};

/// What either version usually answers late.
const LATE: f64 = 0.02;
const LATENCY: &str = "  latency: { histogram: 'http_request_duration_seconds_bucket{$arm}' }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_answers_a_tenth_more_late_passes_a_step_before_and_goes_back() {
    let world = World::with_prometheus(SECOND).await;
    world.shops.iter().for_each(|shop| shop.late_share(LATE));
    let steps = "{ shift: 40%, bake: 3s }, { shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.release("v2", steps, &format!("{BY_THE_APPS}{LATENCY}")).await;
    world.tells(&name, "passed", "40 %").await;
    world.bakes(&name, 500_000, 500_000).await;

    let began = world.now();
    world.shops[1].late_share(LATE + 0.1);
    let view = world.reverts(&name).await;
    measured("revert, from the delay on", world.since(began));
    assert_eq!(world.proxy.share().await, 0, "{}", world.history(&name).await);

    let reason = view.reason.expect("a reason");
    let told = &reason.sentence;
    assert_eq!(reason.word, "regression");
    // The delay is 300 ms, and 250 ms the last bound below it.
    assert!(told.starts_with("latency: the canary takes over 250 ms"), "{told}");
    assert!(told.contains("as often as the baseline"), "{told}");

    let explained = world.tidegate.explained(&name);
    for words in [
        "requests took over 250 ms on v2",
        "more took over 250 ms than on v1",
        "tolerated 1.5x",
        "look by look: latency",
    ] {
        assert!(explained.contains(words), "no `{words}` in: {explained}");
    }
    world.recomputed(&name);
    none_dropped(&world.end().await);
}
