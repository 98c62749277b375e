//! The laws of a provider. Each takes a world of its own, where side A serves everybody at generation 1.

use tidegate::domain::{Side, Weight};
use tidegate::traffic::{FeedEvent, Wished};

use crate::subjects::Subject;
use crate::support::{load::Load, until};
use crate::world::{World, wished};

pub async fn set_and_read_back<S: Subject>(mut world: World<S>) {
    for (ppm, generation) in [1, 50_000, 333_333, 999_999, 1_000_000, 0].into_iter().zip(2..) {
        world.wish(generation, ppm, Side::A);
        world.follows(ppm).await;
        world.confirms().await;
    }
}

pub async fn saying_it_again_changes_nothing<S: Subject>(mut world: World<S>) {
    world.wish(2, 250_000, Side::A);
    world.confirms().await;
    world.wish(2, 250_000, Side::A);
    world.wish(2, 250_000, Side::A);
    world.polls_again().await;
    world.follows(250_000).await;
    world.confirms().await;
    assert_eq!(world.hand_edits(), []);
}

pub async fn an_older_generation_is_refused<S: Subject>(mut world: World<S>) {
    world.wish(5, 500_000, Side::A);
    world.confirms().await;
    assert!(!world.feed.publish(wished::<S>(4, 900_000, Side::A)));
    world.polls_again().await;
    world.follows(500_000).await;
}

pub async fn a_replica_that_knows_less_is_not_believed<S: Subject>(mut world: World<S>) {
    world.wish(5, 500_000, Side::A);
    world.confirms().await;
    world.restart_with(wished::<S>(3, 900_000, Side::A), Vec::new()).await;
    world.polls_again().await;
    assert!(!world.confirmed(), "what we do not know of, nobody acknowledges");
    world.follows(500_000).await;
}

pub async fn unreachable_changes_nothing<S: Subject>(mut world: World<S>) {
    world.wish(2, 100_000, Side::A);
    world.confirms().await;
    world.provider.down();
    world.wish(3, 0, Side::A);
    assert!(!world.confirmed());
    world.follows(100_000).await;
    world.provider.up(&world.feed).await;
    world.follows(0).await;
    world.confirms().await;
}

pub async fn a_restarted_proxy_gets_its_split_back<S: Subject>(mut world: World<S>) {
    world.wish(2, 420_000, Side::A);
    world.confirms().await;
    let before = world.instance().boot;
    world.subject.restart().await;
    until("the new start polls", async || (world.instance().boot != before).then_some(())).await;
    world.follows(420_000).await;
    world.confirms().await;
    assert_eq!(world.hand_edits(), [], "a restart is no hand");
}

pub async fn our_restart_is_not_noticed<S: Subject>(mut world: World<S>) {
    world.wish(2, 420_000, Side::A);
    world.confirms().await;
    let rows = world.feed.instances(&world.route());
    world.restart_with(wished::<S>(2, 420_000, Side::A), rows).await;
    world.confirms().await;
    world.follows(420_000).await;
    assert_eq!(world.hand_edits(), []);
    world.wish(3, 600_000, Side::A);
    world.follows(600_000).await;
    world.confirms().await;
}

/// Side A serves, then B, then A, then B: after each release the retired side gets nothing, not even from a proxy
/// that starts while we are down.
pub async fn three_releases_in_a_row<S: Subject>(mut world: World<S>) {
    let mut generation = 1;
    for serving in [Side::A, Side::B, Side::A] {
        let side_b = |canary| match serving {
            Side::A => canary,
            Side::B => 1_000_000 - canary,
        };
        for canary in [100_000, 500_000, 1_000_000] {
            generation += 1;
            world.wish(generation, side_b(canary), serving);
            world.follows(side_b(canary)).await;
            world.confirms().await;
        }
        // Completing swaps the sides and moves nobody.
        world.wish(generation, side_b(1_000_000), serving.other());
        assert_eq!(world.feed.wished(&world.route()).unwrap().idle_weight(), Weight::ZERO);
        world.settles(side_b(1_000_000)).await;
        world.follows(side_b(1_000_000)).await;
        if S::ASKS {
            world.provider.down();
            world.subject.restart().await;
            world.follows(side_b(1_000_000)).await;
            world.provider.up(&world.feed).await;
            world.confirms().await;
        }
    }
}

pub async fn no_request_is_dropped_under_load<S: Subject>(mut world: World<S>) {
    let load = Load::start(&world.subject.url(), 300);
    for generation in 2..40 {
        let ppm = if generation % 2 == 0 { 1_000_000 } else { 0 };
        world.wish(generation, ppm, Side::A);
        world.follows(ppm).await;
    }
    until("both versions answered", async || {
        let counts = load.counts();
        (counts.of("v1") > 20 && counts.of("v2") > 20).then_some(())
    })
    .await;
    let counts = load.stop().await;
    assert_eq!((counts.failed(), counts.skipped), (0, 0), "{counts:?}");
}

pub async fn a_hand_that_lowers_stands<S: Subject>(mut world: World<S>) {
    world.wish(2, 250_000, Side::A);
    world.confirms().await;
    world.subject.hand(10_000).await;
    assert_eq!(world.next_hand_edit().await, Weight::from_ppm(10_000).unwrap());
    world.polls_again().await;
    world.follows(10_000).await;
    world.wish(3, 0, Side::A);
    world.follows(0).await;
    world.confirms().await;
    assert_eq!(world.hand_edits(), []);
}

pub async fn a_hand_that_raises_is_undone<S: Subject>(mut world: World<S>) {
    world.wish(2, 250_000, Side::A);
    world.confirms().await;
    world.subject.hand(900_000).await;
    assert_eq!(world.next_hand_edit().await, Weight::from_ppm(900_000).unwrap());
    world.follows(250_000).await;
    world.confirms().await;
    assert_eq!(world.hand_edits(), []);
}

/// The edit was not known when the raise was decided: it must not be lost.
pub async fn a_hand_beats_a_raise_on_its_way<S: Subject>(mut world: World<S>) {
    world.wish(2, 250_000, Side::A);
    world.confirms().await;
    world.polls_again().await;
    world.subject.hand(10_000).await;
    world.wish(3, 500_000, Side::A);
    assert_eq!(world.next_hand_edit().await, Weight::from_ppm(10_000).unwrap());
    world.polls_again().await;
    world.follows(10_000).await;
    assert!(!world.confirmed());
}

pub async fn a_pause_respects_the_hand_and_its_end_overrules_it<S: Subject>(mut world: World<S>) {
    world.wish(2, 250_000, Side::A);
    world.confirms().await;
    world.subject.hand(10_000).await;
    world.next_hand_edit().await;
    world.feed.publish(Wished { yields: true, ..wished::<S>(2, 250_000, Side::A) });
    let before = world.instance().boot;
    world.subject.restart().await;
    until("the new start polls", async || (world.instance().boot != before).then_some(())).await;
    world.polls_again().await;
    world.follows(0).await;
    world.wish(2, 250_000, Side::A);
    world.follows(250_000).await;
    world.confirms().await;
    assert_eq!(world.hand_edits(), []);
}

pub async fn who_is_in_stays_in<S: Subject>(mut world: World<S>) {
    let mut before = Vec::new();
    for (ppm, generation) in [100_000, 300_000, 700_000].into_iter().zip(2..) {
        world.wish(generation, ppm, Side::A);
        world.confirms().await;
        world.follows(ppm).await;
        let inside = world.subject.inside(400).await;
        let lost: Vec<_> = before.iter().filter(|user| !inside.contains(user)).collect();
        assert!(lost.is_empty(), "at {ppm} ppm these left the canary: {lost:?}");
        let wished = ppm as usize * 400 / 1_000_000;
        assert!(inside.len().abs_diff(wished) < 45, "{} of 400 at {ppm} ppm", inside.len());
        before = inside;
    }
}

/// What is said of a hand, everything else left out.
pub fn hand_edit(event: &FeedEvent) -> Option<Weight> {
    match event {
        FeedEvent::HandEdit { seen, .. } => Some(*seen),
        FeedEvent::Acknowledged { .. } | FeedEvent::Instance(_) => None,
    }
}
