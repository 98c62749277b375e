//! Bad versions go back by themselves.

use std::time::Duration;

use crate::support::until;
use crate::world::{AT_THE_PROXY, BY_THE_APPS, SECOND, USUAL, World, measured, none_dropped};

/// A ladder that stands at 50 % until something happens.
const STAYS: &str = "{ shift: 50%, bake: 10m }, { shift: 100% }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_five_percent_more_from_a_moment_on() {
    let world = World::start().await;
    let name = world.release("v2", STAYS, AT_THE_PROXY).await;
    world.bakes(&name, 500_000, 500_000).await;
    world.tells(&name, "verdict", "pass").await;

    let began = world.now();
    world.shops[1].fail_share(USUAL + 0.05);
    let view = world.reverts(&name).await;
    measured("revert, from the fault on", world.since(began));
    assert_eq!(world.proxy.share().await, 0, "{}", world.history(&name).await);

    let reason = view.reason.expect("a reason");
    assert_eq!(reason.word, "regression");
    let decided = &world.told(&name, "reverting").await[0];
    assert_eq!(decided.by, "the judge");
    for words in ["50 % → 0 %", "the canary fails", "as often as the baseline", "limit 100 : 1"] {
        assert!(decided.text.contains(words), "no `{words}` in: {}", decided.text);
    }
    let numbers = &decided.detail["numbers"]["verdict"];
    assert_eq!(numbers["verdict"], "regression", "{numbers}");
    assert!(numbers["counts"]["canary_failures"].as_u64() > Some(3), "{numbers}");

    let done = &world.told(&name, "reverted").await[0];
    assert!(done.text.starts_with("everybody is on v1 again, in force after "), "{}", done.text);
    let took = view.revert.and_then(|r| r.took_ms).expect("a time");
    assert!(took < 2_000.0, "{took} ms");
    measured("revert, from the look to HAProxy", Duration::from_secs_f64(took / 1000.0));
    none_dropped(&world.end().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs_as_the_proxy_counts_it() {
    let world = World::start().await;
    let name =
        world.release("v2", "{ shift: 10%, bake: 10m }, { shift: 100% }", AT_THE_PROXY).await;
    world.bakes(&name, 100_000, 100_000).await;
    world.tells(&name, "verdict", "pass").await;

    let began = world.now();
    world.shops[1].silence(true);
    let view = world.reverts(&name).await;
    measured("revert, from the hang on", world.since(began));
    assert_eq!(view.reason.expect("a reason").word, "regression");
    assert_eq!(world.proxy.share().await, 0);
    let counts = world.end().await;
    assert_eq!((counts.broken, counts.skipped), (0, 0), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_process_is_gone() {
    let mut world = World::with_prometheus(SECOND).await;
    let more = format!("{BY_THE_APPS}on_silence: {{ revert_after: 10s }}\n");
    let name = world.release("v2", STAYS, &more).await;
    world.bakes(&name, 500_000, 500_000).await;
    world.tells(&name, "verdict", "pass").await;

    let began = world.now();
    world.shops[1].die();
    let view = world.reverts(&name).await;
    let took = world.since(began);
    measured("revert, from the end of the process on", took);
    assert_eq!(view.reason.expect("a reason").word, "silence");
    // The look before may have ended with the canary's last sample, a little before its end.
    assert!(took.as_secs() >= 8, "{took:?}");
    assert_eq!(world.proxy.share().await, 0);
    let silent = world.tells(&name, "verdict", "silent").await;
    assert!(silent.text.contains("requests were due, none came"), "{}", silent.text);

    let before = world.counts();
    until("the baseline answers everybody", async || {
        (world.counts().of("v1") > before.of("v1") + 300).then_some(())
    })
    .await;
    world.end().await;
}
