use super::super::testing::{name, own, search_flag, share, shop};
use super::*;
use crate::clock::ManualClock;
use crate::domain::Side;
use crate::domain::Timestamp;
use crate::store::sqlite::SqliteStore;

/// Two proxies `a` and `b` that should follow `shop`, and everything the feed said.
struct World {
    clock: Arc<ManualClock>,
    feed: Feed,
    events: mpsc::UnboundedReceiver<FeedEvent>,
}

impl World {
    fn new(instances: Vec<InstanceRow>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000_000)));
        let feed = Feed::new(clock.clone(), instances);
        let events = feed.events().unwrap();
        Self { clock, feed, events }
    }

    /// With generation 1, where side A serves everybody.
    fn with_shop() -> Self {
        let world = Self::new(Vec::new());
        world.feed.publish(shop(1, 0));
        world
    }

    /// Polls without waiting: `answer` is the generation told, `held` or `unknown`.
    async fn poll(&self, poll: Poll) -> String {
        match self.feed.poll(poll, Duration::ZERO).await {
            Polled::Split(wished) => format!("{} {}", wished.generation, wished.share),
            Polled::Unchanged => "held".to_owned(),
            Polled::Unknown => "unknown".to_owned(),
        }
    }

    async fn both_follow(&self, generation: i64, percent: u32) {
        for node in ["a", "b"] {
            self.poll(poll(node, Some(generation), Some(percent))).await;
        }
    }

    /// What was said since the last call, the rows left out.
    fn said(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        let words = events.filter_map(|event| match event {
            FeedEvent::Acknowledged { generation, .. } => Some(format!("ack {generation}")),
            FeedEvent::HandEdit { node, seen, .. } => Some(format!("hand {node} {seen}")),
            FeedEvent::Instance(_) => None,
        });
        words.collect()
    }

    fn saved(&mut self) -> Vec<InstanceRow> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        let rows = events.filter_map(|event| match event {
            FeedEvent::Instance(row) => Some(row),
            FeedEvent::Acknowledged { .. } | FeedEvent::HandEdit { .. } => None,
        });
        rows.collect()
    }

    fn confirmed(&self) -> bool {
        self.feed.confirmation(&name("shop")).unwrap().confirmed
    }
}

fn poll(node: &str, have: Option<i64>, percent: Option<u32>) -> Poll {
    Poll {
        route: name("shop"),
        node: node.to_owned(),
        boot: "1".to_owned(),
        have: have.map(Generation),
        share: percent.map(share),
        settled: None,
        metrics: None,
    }
}

#[tokio::test]
async fn the_next_poll_is_the_acknowledgement() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 5));
    assert_eq!(world.poll(poll("a", None, Some(0))).await, "2 5 %");
    assert_eq!(world.said(), [""; 0], "an answer is no acknowledgement");
    assert!(!world.confirmed());
    assert_eq!(world.poll(poll("a", Some(2), Some(5))).await, "held");
    assert_eq!(world.said(), ["ack 2"]);
    assert!(!world.confirmed(), "b is missing");
    world.both_follow(2, 5).await;
    assert_eq!(world.said(), ["ack 2"], "once for each instance");
    assert!(world.confirmed());
}

#[tokio::test]
async fn an_older_generation_changes_nothing() {
    let world = World::with_shop();
    assert!(world.feed.publish(shop(7, 50)));
    assert!(!world.feed.publish(shop(6, 10)));
    assert!(!world.feed.publish(shop(7, 10)), "a generation has one share");
    assert!(world.feed.publish(shop(7, 50)), "saying it again is fine");
    assert_eq!(world.poll(poll("a", Some(6), Some(10))).await, "7 50 %");
}

#[tokio::test]
async fn who_knows_more_than_we_do_is_held() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 5));
    assert_eq!(world.poll(poll("a", Some(9), Some(60))).await, "held");
    assert_eq!(world.said(), [""; 0]);
    assert_eq!(world.feed.instances(&name("shop"))[0].acknowledged, Generation(0));
}

#[tokio::test]
async fn a_held_poll_is_woken_by_its_route_alone() {
    let world = World::with_shop();
    let held = world.feed.poll(poll("a", Some(1), Some(0)), Duration::from_secs(600));
    let publish = async {
        world.feed.publish(Wished { route: name("other"), ..shop(9, 9) });
        tokio::task::yield_now().await;
        world.feed.publish(shop(2, 5));
    };
    let both = async { tokio::join!(biased; held, publish) };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(answer, Polled::Split(Box::new(shop(2, 5))));
}

#[tokio::test]
async fn a_removed_route_is_unknown_to_held_polls_too() {
    let world = World::with_shop();
    let held = world.feed.poll(poll("a", Some(1), Some(0)), Duration::from_secs(600));
    let remove = async { world.feed.remove(&name("shop")) };
    let both = async { tokio::join!(biased; held, remove) };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(answer, Polled::Unknown);
    assert_eq!(world.poll(poll("a", None, None)).await, "unknown");
}

#[tokio::test]
async fn a_restarted_instance_has_acknowledged_nothing() {
    let world = World::with_shop();
    world.feed.publish(shop(2, 5));
    world.both_follow(2, 5).await;
    assert!(world.confirmed());
    let again = Poll { boot: "2".to_owned(), ..poll("a", None, Some(0)) };
    assert_eq!(world.poll(again.clone()).await, "2 5 %");
    assert!(!world.confirmed());
    world.poll(Poll { have: Some(Generation(2)), share: Some(share(5)), ..again }).await;
    assert!(world.confirmed());
}

#[tokio::test]
async fn a_hand_that_lowers_stands_until_a_new_split() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 25));
    world.both_follow(2, 25).await;
    world.said();
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "held");
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "held");
    assert_eq!(world.said(), ["hand a 3 %"], "told once");
    assert_eq!(world.poll(poll("a", Some(2), Some(2))).await, "held");
    assert_eq!(world.said(), ["hand a 2 %"], "another edit is told again");
    world.feed.publish(shop(3, 0));
    assert_eq!(world.poll(poll("a", Some(2), Some(2))).await, "3 0 %");
}

#[tokio::test]
async fn a_raise_decided_meanwhile_leaves_the_rollout_time_to_pause() {
    let world = World::with_shop();
    world.feed.publish(shop(2, 25));
    world.both_follow(2, 25).await;
    world.poll(poll("a", Some(2), Some(3))).await;
    world.feed.publish(shop(3, 50));
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "held");
    assert_eq!(world.poll(poll("b", Some(2), Some(25))).await, "3 50 %");
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "3 50 %");
}

#[tokio::test]
async fn a_paused_rollout_respects_the_hand_everywhere_and_a_resumed_one_overrules_it() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 25));
    world.both_follow(2, 25).await;
    world.poll(poll("a", Some(2), Some(3))).await;
    world.feed.publish(Wished { yields: true, ..shop(2, 25) });
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "held");
    let restarted = Poll { boot: "2".to_owned(), ..poll("b", None, Some(0)) };
    assert_eq!(world.poll(restarted.clone()).await, "held", "nobody is raised meanwhile");
    world.said();
    world.feed.publish(shop(2, 25));
    assert_eq!(world.poll(poll("a", Some(2), Some(3))).await, "2 25 %");
    assert_eq!(world.poll(restarted).await, "2 25 %");
    assert_eq!(world.said(), [""; 0], "the same edit is not reported again");
}

#[tokio::test]
async fn a_hand_that_raises_is_undone_and_vouches_for_nothing() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 5));
    world.both_follow(2, 5).await;
    world.said();
    assert_eq!(world.poll(poll("a", Some(2), Some(80))).await, "2 5 %");
    assert_eq!(world.said(), ["hand a 80 %"]);
    assert!(!world.confirmed(), "it is at 80 %");
    assert_eq!(world.feed.instances(&name("shop"))[0].served, share(80));
    assert_eq!(world.poll(poll("a", Some(2), Some(5))).await, "held");
    assert!(world.confirmed());
}

#[tokio::test]
async fn a_hand_is_seen_below_an_older_split_too() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 5));
    world.feed.publish(shop(3, 25));
    assert_eq!(world.poll(poll("a", Some(2), Some(5))).await, "3 25 %");
    assert_eq!(world.poll(poll("b", Some(2), Some(1))).await, "held");
    assert_eq!(world.said(), ["hand b 1 %"]);
}

#[tokio::test]
async fn sides_turn_what_a_hand_means() {
    let mut world = World::with_shop();
    world.feed.publish(Wished { serving: Side::B, ..shop(2, 75) });
    assert_eq!(world.feed.wished(&name("shop")).unwrap().idle_weight(), share(25));
    world.both_follow(2, 75).await;
    assert_eq!(world.poll(poll("a", Some(2), Some(90))).await, "held");
    assert_eq!(world.poll(poll("b", Some(2), Some(10))).await, "2 75 %");
    world.said();
}

#[tokio::test]
async fn a_swap_reaches_what_a_proxy_would_start_with() {
    let world = World::with_shop();
    world.feed.publish(shop(2, 100));
    let settled = |percent| Poll { settled: Some(share(percent)), ..poll("a", Some(2), Some(100)) };
    assert_eq!(world.poll(settled(0)).await, "held");
    world.feed.publish(Wished { serving: Side::B, ..shop(2, 100) });
    assert_eq!(world.poll(settled(0)).await, "2 100 %");
    assert_eq!(world.poll(settled(100)).await, "held");
}

#[tokio::test]
async fn a_revert_waits_for_a_silent_instance_until_it_is_forgotten() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 50));
    world.poll(poll("a", None, None)).await;
    world.poll(poll("b", None, None)).await;
    world.clock.advance(Duration::from_secs(61));
    world.feed.publish(shop(3, 0));
    world.poll(poll("a", Some(3), Some(0))).await;
    assert!(!world.confirmed(), "b was told 50 %, whether or not it heard");
    world.said();
    assert!(world.feed.forget(&name("shop"), "b"));
    assert!(!world.feed.forget(&name("shop"), "b"));
    assert_eq!(world.said(), ["ack 3"]);
    assert!(world.confirmed());
}

#[tokio::test]
async fn what_was_served_counts_for_its_own_rollout() {
    let world = World::with_shop();
    world.feed.publish(shop(2, 50));
    world.poll(poll("gone", None, None)).await;
    world.clock.advance(Duration::from_secs(61));
    world.feed.publish(shop(3, 0));
    assert!(!world.confirmed());
    world.feed.publish(Wished { holder: Some("shop#2".parse().unwrap()), ..shop(4, 0) });
    assert!(world.confirmed());
}

#[tokio::test]
async fn rows_are_saved_when_they_say_something_new() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 5));
    world.poll(poll("a", None, Some(0))).await;
    let rows = world.saved();
    assert_eq!(rows.iter().map(|r| r.served).collect::<Vec<_>>(), [share(0), share(5)]);
    world.poll(poll("a", Some(2), Some(5))).await;
    assert_eq!(world.saved().len(), 1, "acknowledged");
    world.clock.advance(Duration::from_secs(19));
    world.poll(poll("a", Some(2), Some(5))).await;
    assert_eq!(world.saved(), [], "only seen again");
    world.clock.advance(Duration::from_secs(2));
    world.poll(poll("a", Some(2), Some(5))).await;
    assert_eq!(world.saved().len(), 1, "seen again, after long");
}

#[tokio::test]
async fn our_restart_forgets_nothing() {
    let mut world = World::with_shop();
    world.feed.publish(shop(2, 50));
    world.both_follow(2, 50).await;
    let newest = world.saved().into_iter().map(|row| (row.node.clone(), row));
    let rows: BTreeMap<_, _> = newest.collect();
    let again = World::new(rows.into_values().collect());
    again.feed.publish(shop(2, 50));
    assert!(!again.confirmed(), "a raise counts nobody who has not polled since");
    again.feed.publish(shop(3, 0));
    assert!(!again.confirmed());
    again.both_follow(3, 0).await;
    assert!(again.confirmed());
}

#[tokio::test]
async fn nobody_is_waited_for_where_nobody_polls() {
    for splitter in [Splitter::Observe, search_flag()] {
        let mut world = World::new(Vec::new());
        world.feed.publish(Wished { splitter, ..shop(4, 10) });
        assert_eq!(world.said(), ["ack 4"]);
        assert!(world.confirmed());
    }
}

#[tokio::test]
async fn a_snapshot_of_flags_does_not_change() {
    let world = World::new(Vec::new());
    world.feed.publish(Wished { splitter: search_flag(), ..shop(4, 10) });
    let before = world.feed.flags();
    world.feed.publish(Wished { splitter: search_flag(), ..shop(5, 20) });
    assert_eq!(before[&name("search-v2")].share, share(10));
    assert_eq!(world.feed.flags()[&name("search-v2")].share, share(20));
    world.feed.publish(Wished { splitter: Splitter::Observe, ..shop(5, 20) });
    assert!(world.feed.flags().is_empty(), "no flag route any more");
    world.feed.publish(Wished { splitter: search_flag(), ..shop(6, 20) });
    world.feed.remove(&name("shop"));
    assert!(world.feed.flags().is_empty());
}

fn cut(generation: i64, splitter: Splitter) -> Wished {
    Wished { splitter, overrides: vec![own("platform", "ios", 0)], ..shop(generation, 25) }
}

#[tokio::test]
async fn a_segment_that_is_cut_makes_another_split() {
    let pull = Splitter::Pull { instances: 2, unit: None };
    let mut world = World::new(Vec::new());
    world.feed.publish(Wished { splitter: pull.clone(), ..shop(2, 25) });
    world.both_follow(2, 25).await;
    assert!(world.confirmed());
    assert!(!world.feed.publish(cut(2, pull.clone())), "another split under an old generation");
    assert!(world.feed.publish(cut(3, pull.clone())) && world.feed.publish(cut(3, pull.clone())));
    assert!(!world.confirmed());
    assert_eq!(world.poll(poll("a", Some(2), Some(25))).await, "3 25 %");
    world.said();
    world.both_follow(3, 25).await;
    assert!(world.confirmed());
    assert_eq!(world.said(), ["ack 3", "ack 3"], "and no hand edit");
    assert!(!world.feed.publish(Wished { splitter: pull, ..shop(3, 25) }));
}

#[tokio::test]
async fn a_cut_waits_for_a_silent_program_that_had_the_segment_on_the_canary() {
    let pull = Splitter::Pull { instances: 1, unit: None };
    let world = World::new(Vec::new());
    world.feed.publish(Wished { splitter: pull.clone(), ..shop(2, 25) });
    world.both_follow(2, 25).await;
    world.clock.advance(Duration::from_secs(61));
    world.feed.publish(cut(3, pull));
    world.poll(poll("a", Some(3), Some(25))).await;
    assert!(!world.confirmed(), "b may still send ios to the canary");
    world.feed.forget(&name("shop"), "b");
    assert!(world.confirmed());
}

#[tokio::test]
async fn who_cannot_keep_a_segment_apart_gets_nobody_on_the_idle_side() {
    let sides = ["old".to_owned(), "new".to_owned()];
    for splitter in [Splitter::Haproxy { instances: 2, sides }, Splitter::Observe] {
        let world = World::new(Vec::new());
        world.feed.publish(Wished { serving: Side::B, ..cut(3, splitter.clone()) });
        assert_eq!(world.feed.wished(&name("shop")).unwrap().share, Share::FULL);
        world.feed.publish(cut(4, splitter));
        let told = world.feed.wished(&name("shop")).unwrap();
        assert_eq!((told.share, told.overrides), (Share::ZERO, Vec::new()));
    }
}

/// A feed that keeps in `dir`, with a crash behind it: nothing but the store tells it of instances.
async fn reopened(dir: &tempfile::TempDir) -> (World, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).await.unwrap());
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000_000)));
    let feed = Feed::open(clock.clone(), Arc::clone(&store)).await.unwrap();
    let events = feed.events().unwrap();
    (World { clock, feed, events }, store)
}

#[tokio::test]
async fn a_revert_after_a_crash_waits_for_who_was_told_just_before() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = reopened(&dir).await;
    world.feed.publish(shop(2, 5));
    assert_eq!(world.poll(poll("a", None, Some(0))).await, "2 5 %");
    store.close().await; // Only frees the directory: nobody was asked to save anything.

    let (world, _store) = reopened(&dir).await;
    world.feed.publish(shop(3, 0));
    assert!(!world.confirmed(), "a may carry 5 %");
    assert_eq!(world.poll(poll("a", Some(2), Some(5))).await, "3 0 %");
    world.poll(poll("a", Some(3), Some(0))).await;
    assert!(world.confirmed());
}

#[tokio::test]
async fn who_cannot_be_written_down_is_told_no_weight_but_always_the_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = reopened(&dir).await;
    world.feed.publish(shop(2, 5));
    store.close().await;
    assert_eq!(world.poll(poll("a", None, Some(0))).await, "held");
    world.feed.publish(shop(3, 0));
    assert_eq!(world.poll(poll("a", None, Some(0))).await, "3 0 %");
}
