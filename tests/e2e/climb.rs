//! Healthy versions climb, and the next release finds everything as the one before left it.

use std::sync::Mutex;
use std::time::Duration;

use crate::world::{AT_THE_PROXY, BY_THE_APPS, ROUTE, SECOND, World, none_dropped};

/// Every share HAProxy had, each once while it stood.
async fn watch(world: &World, seen: &Mutex<Vec<u32>>) {
    loop {
        let share = world.proxy.share().await;
        note(seen, share);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn note(seen: &Mutex<Vec<u32>>, share: u32) {
    let mut seen = seen.lock().expect("no panic holds it");
    if seen.last() != Some(&share) {
        seen.push(share);
    }
}

/// A release that completes; the shares HAProxy had meanwhile.
async fn released(world: &World, version: &str, steps: &str, more: &str) -> Vec<u32> {
    let seen = Mutex::default();
    let climbing = async {
        let name = world.release(version, steps, more).await;
        world.completes(&name).await;
        world.proxy.reaches(if serving_b(world).await { 1_000_000 } else { 0 }).await;
        name
    };
    let name = tokio::select! {
        name = climbing => name,
        () = watch(world, &seen) => unreachable!("it watches for ever"),
    };
    let route = world.tidegate.route(ROUTE).await;
    assert_eq!(route.serving.as_deref(), Some(version));
    assert_eq!(route.last_completed.as_deref(), Some(name.as_str()));
    note(&seen, world.proxy.share().await);
    seen.into_inner().expect("no panic holds it")
}

async fn serving_b(world: &World) -> bool {
    world.tidegate.route(ROUTE).await.serving_side == "b"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_releases_in_a_row_through_one_untouched_proxy() {
    let world = World::with_prometheus(SECOND).await;
    let ladder = "{ shift: 1% }, { shift: 10% }, { shift: 50% }, { shift: 100% }";
    let shares = released(&world, "v2", ladder, AT_THE_PROXY).await;
    assert_eq!(shares, [0, 10_000, 100_000, 500_000, 900_000, 1_000_000]);

    let shares = released(&world, "v3", "{ shift: 50% }, { shift: 100% }", BY_THE_APPS).await;
    assert_eq!(shares, [1_000_000, 500_000, 100_000, 0]);

    let shares = released(&world, "v4", "{ shift: 20% }, { shift: 100% }", AT_THE_PROXY).await;
    assert_eq!(shares, [0, 200_000, 900_000, 1_000_000]);

    assert!(world.proxy.map_file().contains(&format!("{ROUTE} 1000000")), "a restart serves v4");
    let counts = world.end().await;
    none_dropped(&counts);
    for version in ["v1", "v2", "v3", "v4"] {
        assert!(counts.of(version) > 0, "{version} answered nobody: {counts:?}");
    }
}

/// As people have it: several looks between two scrapes, and each target scraped at a moment of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_looked_at_more_often_than_it_is_scraped() {
    let world = World::with_prometheus(3 * SECOND).await;
    let steps = "{ shift: 20%, bake: 5s }, { shift: 50%, bake: 5s }, { shift: 100%, bake: 5s }";
    let name = world.release("v2", steps, BY_THE_APPS).await;
    world.completes(&name).await;
    let verdicts = world.told(&name, "verdict").await;
    let doubts = ["mismatch", "silent", "blind"];
    let doubted = verdicts.iter().find(|line| doubts.iter().any(|d| line.text.starts_with(d)));
    assert_eq!(doubted, None);
    none_dropped(&world.end().await);
}
