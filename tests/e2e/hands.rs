//! People: at the proxy, at the kill switch, and who takes a release back.

use crate::support::until;
use crate::world::{AT_THE_PROXY, ROUTE, World, measured, none_dropped};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_at_the_proxy_may_lower_and_not_raise() {
    let world = World::start().await;
    let steps = "{ shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.release("v2", steps, AT_THE_PROXY).await;
    world.bakes(&name, 500_000, 500_000).await;

    world.proxy.set_share(100_000).await;
    let view = world.comes_to(&name, "it pauses", |view| view.phase.word == "paused").await;
    assert_eq!(view.reason.expect("a reason").word, "hand_edit");
    let told = &world.told(&name, "paused").await[0].text;
    assert!(told.contains("edge-1") && told.contains("10 %"), "{told}");
    world.holds(&name, 500_000, 100_000, std::time::Duration::from_secs(5)).await;

    world.tidegate.cli(&["resume", &name, "--because", "it was me"]);
    world.bakes(&name, 500_000, 500_000).await;

    world.proxy.set_share(900_000).await;
    let told = world.tells(&name, "hand-edit-undone", "edge-1").await.text;
    assert!(told.contains("90 %") && told.contains("50 %"), "{told}");
    world.proxy.reaches(500_000).await;
    assert_eq!(world.tidegate.rollout(&name).await.phase.word, "baking");
    none_dropped(&world.end().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_is_at_once_and_a_release_can_be_taken_back() {
    let world = World::start().await;
    let steps = "{ shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.release("v2", steps, AT_THE_PROXY).await;
    world.bakes(&name, 500_000, 500_000).await;

    let began = world.now();
    world.tidegate.cli(&["kill", ROUTE, "--because", "payments are down"]);
    world.proxy.reaches(0).await;
    measured("kill, from the command's start to HAProxy", world.since(began));
    let view = world.reverts(&name).await;
    assert_eq!(
        (view.latch.as_str(), view.reason.expect("a reason").word.as_str()),
        ("kill", "kill")
    );
    let why = world.tidegate.refused(&["start", ROUTE, "version=v2"]);
    assert!(why.contains("shop is killed") && why.contains("payments are down"), "{why}");
    assert_eq!(world.proxy.share().await, 0);

    world.tidegate.cli(&["unkill", ROUTE, "--yes"]);
    let name = world.release("v2", "{ shift: 50% }, { shift: 100% }", AT_THE_PROXY).await;
    world.completes(&name).await;
    world.proxy.reaches(1_000_000).await;

    world.tidegate.cli(&["revert", &name, "--yes", "--because", "pages are slow"]);
    world.proxy.reaches(0).await;
    let view = world.reverts(&name).await;
    assert_eq!(view.reason.expect("a reason").word, "person");
    let route = world.tidegate.route(ROUTE).await;
    assert_eq!((route.serving_side.as_str(), route.serving.as_deref()), ("a", Some("v1")));
    until("a restart of the proxy would serve v1", async || {
        world.proxy.map_file().contains(&format!("{ROUTE} 0\n")).then_some(())
    })
    .await;
    none_dropped(&world.end().await);
}
