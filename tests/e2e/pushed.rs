//! Numbers that programs send, and a level that Prometheus computes: each is judged, and harm in it reverts.

use std::time::Duration;

use crate::world::{FLAG, SECOND, World, measured};

const LATE: Duration = Duration::from_secs(4);

fn plan(steps: &str, checks: &str) -> String {
    format!(
        "plan: {FLAG}\n\
         route: {FLAG}\n\
         owner: team-search\n\
         inputs: [version]\n\
         canary: $version\n\
         harm: 3pp\n\
         look: 1s\n\
         bake: 2s\n\
         steps: [{steps}]\n\
         checks:\n{checks}"
    )
}

async fn passed(world: &World, name: &str) -> Duration {
    let at = async |kind: &str| world.tells(name, kind, "").await.at.0;
    at("passed").await.since(at("confirmed").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_who_buy_less_and_a_level_beside_them() {
    let world = World::with_prometheus(SECOND).await;
    world.shops[1].deploy("v2");
    for (shop, length) in world.shops.iter().zip([12, 13]) {
        shop.queue(length);
    }
    let apps = world.flag();
    let checks = format!(
        "  errors: {{ tolerate: 1.1x, late: {}s }}\n\
         \x20 basket: {{ source: push, value: basket, worse: lower, tolerate: 1.1x }}\n\
         \x20 queue: {{ value: 'max(shop_queue_length{{$arm}})', tolerate: 1.2x }}\n",
        LATE.as_secs()
    );
    let steps = "{ shift: 40%, bake: 2s }, { shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.starts(FLAG, &plan(steps, &checks), "v2").await;
    let baked = passed(&world, &name).await;
    assert!(baked >= Duration::from_secs(2) + LATE, "its last outcomes may still come: {baked:?}");
    world.bakes_at(&name, 500_000).await;

    let began = world.now();
    apps.baskets("v2", 0.7);
    let view = world.reverts(&name).await;
    measured("revert, from smaller baskets on", world.since(began));
    let told = view.reason.expect("a reason").sentence;
    assert!(told.starts_with("basket: the canary's mean is "), "{told}");
    let of = |name: &str| view.checks.iter().find(|check| check.name == name).expect("a check");
    let (basket, queue) = (of("basket"), of("queue"));
    let means = basket.means.expect("means");
    assert!((means.canary / means.baseline - 0.7).abs() < 0.1, "{means:?}");
    let levels = queue.means.expect("levels");
    assert_eq!((queue.what.as_str(), levels.canary, levels.baseline), ("level", 13.0, 12.0));
    let explained = world.tidegate.explained(&name);
    assert!(explained.contains("queue: the level is 13 on v2, 12 on v1"), "{explained}");
    world.recomputed(&name);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_who_failed_once_or_more() {
    let world = World::start().await;
    let apps = world.flag();
    let checks = "  crashes: { source: push, unit: user, tolerate: 1.1x }\n";
    let steps = "{ shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.starts(FLAG, &plan(steps, checks), "v2").await;
    world.bakes_at(&name, 500_000).await;
    for platform in ["ios", "android", "web"] {
        apps.fails("v2", platform, 0.2);
    }
    let view = tokio::select! {
        view = world.reverts(&name) => view,
        () = world.tidegate.users_age() => unreachable!("it goes on for ever"),
    };
    let told = view.reason.expect("a reason").sentence;
    assert!(told.starts_with("crashes: the canary fails users "), "{told}");
    world.recomputed(&name);
    world.end().await;
}
