//! What every adapter of the store promises: each test takes any `dyn Store`, and runs here on SQLite,
//! in a file and in memory.

use tidegate::domain::{Actor, Generation, Override, Segment, Side, Timestamp};
use tidegate::engine::{Effect, Learned, Phase};
use tidegate::judge::Baseline;
use tidegate::store::sqlite::SqliteStore;
use tidegate::store::{
    Answered, Applied, Commit, Committed, Flush, InstanceRow, JournalEnd, KeptLooks, Kill,
    ListFilter, Role, RouteChange, Started, Store, StoreError, Stored, TokenRow, chain,
};

use crate::fixtures::*;
use crate::pushed::*;

/// Runs each law on both kinds of SQLite store.
macro_rules! contract {
    ($($law:ident)+) => {
        mod on_file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let dir = tempfile::tempdir().expect("a directory");
                let store = super::SqliteStore::open(dir.path()).await.expect("a store");
                super::$law(&store).await;
            })+
        }
        mod in_memory {
            $(#[tokio::test]
            async fn $law() {
                super::$law(&super::SqliteStore::in_memory().await.expect("a store")).await;
            })+
        }
    };
}

contract! {
    a_rollout_from_start_to_end
    one_of_two_commits_on_one_version_wins
    a_wish_needs_the_route_as_it_was_read
    a_kill_keeps_the_route_from_being_raised
    one_refused_commit_spoils_no_other
    commits_of_one_rollout_in_one_batch_follow_each_other
    a_second_rollout_waits_or_is_refused
    two_rollouts_never_hold_one_route
    a_flush_writes_no_line
    looks_come_with_their_memory
    batches_of_any_size_are_whole
    only_effects_for_others_go_to_the_outbox
    routes_keep_who_serves
    plans_keep_every_revision
    lists_are_filtered_and_paged
    completed_rollouts_live_until_they_cannot_return
    kills_stand_until_removed
    instances_are_replaced_and_forgotten
    a_pushed_batch_counts_once
    names_are_few
    a_user_counts_once_with_their_first_ten_minutes
    tokens_are_found_until_revoked
    the_first_answer_under_a_key_stays
}

async fn commit_one(store: &dyn Store, one: tidegate::store::Commit) -> Committed {
    store.commit(vec![one]).await.expect("a commit").remove(0)
}

async fn a_rollout_from_start_to_end(store: &dyn Store) {
    let road = route("road");
    assert_eq!(store.apply_route(&road, at(0)).await.unwrap(), Applied::Created);
    let first = started(store, "shop", &road).await;
    assert_eq!((first.name.to_string(), first.version), ("shop#1".to_owned(), 1));
    assert_eq!(store.rollout(&first.name).await.unwrap(), Some(first.clone()));

    let row = store.route(&road.name).await.unwrap().expect("the route");
    let mut shift_up = commit(&first, shifting(), "shift");
    shift_up.route = Some(shift(&row, Some(&first.name), 1));
    assert_eq!(commit_one(store, shift_up.clone()).await, Committed::Stored(2));
    let second = store.rollout(&first.name).await.unwrap().expect("the rollout");
    assert_eq!((second.version, &second.state), (2, &shift_up.state));
    assert_eq!(second.memory, shift_up.memory);
    let row = store.route(&road.name).await.unwrap().expect("the route");
    assert_eq!(row.holder.as_ref(), Some(&first.name));
    assert_eq!((row.generation, row.share), (Generation(1), weight(1)));
    assert_eq!(row.labels, [Some("v1".to_owned()), Some("v2".to_owned())]);

    let mut end = commit(&second, reverted(), "reverted");
    end.entries.insert(0, entry("verdict", 8));
    end.route = Some(shift(&row, None, 0));
    assert_eq!(commit_one(store, end).await, Committed::Stored(3));
    assert_eq!(store.live(at(10)).await.unwrap(), vec![]);
    let lines = store.journal(&first.name, 0, 100).await.unwrap();
    let kinds: Vec<&str> = lines.iter().map(|l| l.entry.kind.as_str()).collect();
    assert_eq!(kinds, ["started", "shift", "verdict", "reverted"]);
    assert_eq!(lines[0].entry, entry("started", 0));
    assert_eq!(chain::verify(&first.name, &lines), Ok(()));
    let tail = store.journal(&first.name, 1, 2).await.unwrap();
    assert_eq!(tail, lines[1..3]);
    let end = JournalEnd { name: first.name, seq: 4, hash: lines[3].hash.clone() };
    assert_eq!(store.journals().await.unwrap(), std::slice::from_ref(&end));
    assert_eq!(chain::verify_to(&end, &lines), Ok(()));
    let cut = chain::verify_to(&end, &lines[..2]).unwrap_err();
    assert_eq!(cut, "shop#1: it ends after line 2, line 4 was cut off");
    assert_eq!(started(store, "shop", &road).await.name.to_string(), "shop#2");
}

async fn one_of_two_commits_on_one_version_wins(store: &dyn Store) {
    let one = started(store, "shop", &route("road")).await;
    let (a, b) = tokio::join!(
        commit_one(store, commit(&one, shifting(), "first")),
        commit_one(store, commit(&one, shifting(), "second")),
    );
    let mut both = [a, b];
    both.sort_by_key(|c| *c == Committed::Stale);
    assert_eq!(both, [Committed::Stored(2), Committed::Stale]);
    assert_eq!(store.journal(&one.name, 0, 9).await.unwrap().len(), 2);
}

async fn a_wish_needs_the_route_as_it_was_read(store: &dyn Store) {
    let road = route("road");
    let one = started(store, "shop", &road).await;
    let row = store.route(&road.name).await.unwrap().expect("the route");
    let mut late = commit(&one, shifting(), "shift");
    late.route = Some(shift(&row, Some(&one.name), 5));
    late.route.as_mut().expect("a change").expected = Generation(7);
    assert_eq!(commit_one(store, late).await, Committed::Stale);
    assert_eq!(store.route(&road.name).await.unwrap(), Some(row.clone()));
    assert_eq!(store.rollout(&one.name).await.unwrap().expect("it").version, 1);

    let mut holds = commit(&one, shifting(), "shift");
    holds.route = Some(shift(&row, Some(&one.name), 5));
    assert_eq!(commit_one(store, holds).await, Committed::Stored(2));
    let other = started(store, "other", &road).await;
    let row = store.route(&road.name).await.unwrap().expect("the route");
    let mut takes = commit(&other, Phase::Queued, "shift");
    takes.route = Some(shift(&row, Some(&other.name), 5));
    assert_eq!(commit_one(store, takes).await, Committed::Stale, "the route is held");
}

async fn a_kill_keeps_the_route_from_being_raised(store: &dyn Store) {
    let road = route("road");
    let one = started(store, "shop", &road).await;
    let row = store.route(&road.name).await.unwrap().expect("the route");
    store.kill(&kill("road", "on fire")).await.unwrap();
    let mut up = commit(&one, shifting(), "shift");
    up.route = Some(shift(&row, Some(&one.name), 5));
    assert_eq!(commit_one(store, up.clone()).await, Committed::Killed);
    assert_eq!(store.rollout(&one.name).await.unwrap().expect("it").version, 1);
    let mut down = commit(&one, reverted(), "reverted");
    down.route = Some(shift(&row, None, 0));
    assert_eq!(commit_one(store, down).await, Committed::Stored(2));
    let refused = store.start(new_rollout("shop", &road, true)).await.unwrap();
    assert_eq!(refused, Started::Killed(kill("road", "on fire")));
}

async fn one_refused_commit_spoils_no_other(store: &dyn Store) {
    let mut batch = Vec::new();
    for text in ["a", "b", "c"] {
        let one = started(store, text, &route(text)).await;
        batch.push(commit(&one, baking(1), "bake"));
    }
    batch[1].expected_version = 9;
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(committed, [Committed::Stored(2), Committed::Stale, Committed::Stored(2)]);
    for (text, lines) in [("a#1", 2), ("b#1", 1), ("c#1", 2)] {
        let journal = store.journal(&text.parse().unwrap(), 0, 9).await.unwrap();
        assert_eq!(journal.len(), lines, "{text}");
    }
}

async fn commits_of_one_rollout_in_one_batch_follow_each_other(store: &dyn Store) {
    let road = route("road");
    let one = started(store, "shop", &road).await;
    let two = started(store, "other", &road).await;
    let row = store.route(&road.name).await.unwrap().expect("the route");
    let mut take = commit(&one, shifting(), "shift");
    take.route = Some(shift(&row, Some(&one.name), 5));
    let mut give = commit(&one, reverted(), "reverted");
    give.expected_version = 2;
    let free =
        RouteChange { expected: Generation(1), generation: Generation(2), ..shift(&row, None, 0) };
    give.route = Some(free.clone());
    let mut next = commit(&two, shifting(), "shift");
    next.route = Some(RouteChange {
        expected: Generation(2),
        generation: Generation(3),
        holder: Some(two.name.clone()),
        ..free
    });
    let committed = store.commit(vec![take, give, next]).await.unwrap();
    assert_eq!(committed, [Committed::Stored(2), Committed::Stored(3), Committed::Stored(2)]);
    let row = store.route(&road.name).await.unwrap().expect("the route");
    assert_eq!((row.generation, row.holder), (Generation(3), Some(two.name)));
}

async fn a_second_rollout_waits_or_is_refused(store: &dyn Store) {
    let road = route("road");
    let first = store.start(new_rollout("shop", &road, false)).await.unwrap();
    assert!(matches!(first, Started::New { behind: None, .. }), "{first:?}");
    let busy = store.start(new_rollout("shop", &road, false)).await.unwrap();
    assert_eq!(busy, Started::Busy("shop#1".parse().unwrap()));
    let queued = store.start(new_rollout("shop", &road, true)).await.unwrap();
    let Started::New { stored, behind } = queued else { panic!("{queued:?}") };
    assert_eq!(behind, Some("shop#1".parse().unwrap()));
    assert_eq!(stored.name.to_string(), "shop#2", "a refused start takes no number");
}

/// The guard of a commit sees only the holder that the route names; the index sees every phase.
async fn two_rollouts_never_hold_one_route(store: &dyn Store) {
    let road = route("road");
    let one = started(store, "shop", &road).await;
    let two = started(store, "shop", &road).await;
    let away = started(store, "away", &route("away")).await;
    let batch = [&one, &two, &away].map(|r| commit(r, shifting(), "shift"));
    let committed = store.commit(batch.to_vec()).await.unwrap();
    assert_eq!(committed, [Committed::Stored(2), Committed::Stale, Committed::Stored(2)]);
    assert_eq!(store.journal(&two.name, 0, 9).await.unwrap().len(), 1);
}

async fn a_flush_writes_no_line(store: &dyn Store) {
    let one = started(store, "shop", &route("road")).await;
    let flush = |expected_version| Flush {
        name: one.name.clone(),
        expected_version,
        state: state(baking(7)),
        memory: memory(7),
    };
    assert_eq!(store.flush(vec![flush(1), flush(1)]).await.unwrap(), [true, false]);
    let now = store.rollout(&one.name).await.unwrap().expect("it");
    assert_eq!((now.version, now.memory, now.state), (2, memory(7), state(baking(7))));
    assert_eq!(store.journal(&one.name, 0, 9).await.unwrap().len(), 1);
    assert_eq!(
        commit_one(store, commit(&one, baking(8), "late")).await,
        Committed::Stale,
        "a flush counts as a version"
    );
}

/// Several chunks of several sizes, and four commits of each rollout in a row.
async fn batches_of_any_size_are_whole(store: &dyn Store) {
    let mut all = Vec::new();
    for number in 0..75 {
        let text = format!("r{number}");
        all.push(started(store, &text, &route(&text)).await);
    }
    let mut batch = Vec::new();
    for version in 1..=4 {
        let at_version = |r: &Stored| Stored { version, ..r.clone() };
        batch.extend(all.iter().map(|r| commit(&at_version(r), baking(1), "bake")));
    }
    let committed = store.commit(batch).await.unwrap();
    let expected: Vec<Committed> = (0..300).map(|i| Committed::Stored(2 + i / 75)).collect();
    assert_eq!(committed, expected);
    let live = store.live(at(0)).await.unwrap();
    assert_eq!(live.len(), 75);
    for one in live {
        assert_eq!((one.version, one.state.phase), (5, baking(1)));
        let lines = store.journal(&one.name, 0, 9).await.unwrap();
        assert_eq!((lines.len(), chain::verify(&one.name, &lines)), (5, Ok(())));
    }
}

async fn only_effects_for_others_go_to_the_outbox(store: &dyn Store) {
    let one = started(store, "shop", &route("road")).await;
    let mut told = commit(&one, baking(1), "bake");
    told.effects = vec![
        Effect::SwapSides,
        notify("look"),
        Effect::ReleaseRoute,
        Effect::RunHook { step: 1 },
        Effect::SwapBack,
        Effect::RunAfterRevert,
    ];
    commit_one(store, told).await;
    let rows = store.outbox().await.unwrap();
    let effects: Vec<&Effect> = rows.iter().map(|r| &r.effect).collect();
    assert_eq!(effects, [&notify("look"), &Effect::RunHook { step: 1 }, &Effect::RunAfterRevert]);
    assert!(rows.iter().all(|r| r.rollout == one.name && r.tries == 0 && r.next == at(1)));
    store.outbox_done(rows[0].id, at(5)).await.unwrap();
    store.outbox_failed(rows[1].id, 3, at(60)).await.unwrap();
    let left = store.outbox().await.unwrap();
    let left: Vec<_> = left.iter().map(|r| (r.id, r.tries, r.next)).collect();
    assert_eq!(left, [(rows[1].id, 3, at(60)), (rows[2].id, 0, at(1))]);
}

async fn routes_keep_who_serves(store: &dyn Store) {
    let mut road = route("road");
    assert_eq!(store.apply_route(&road, at(0)).await.unwrap(), Applied::Created);
    assert_eq!(store.apply_route(&road, at(1)).await.unwrap(), Applied::Unchanged);
    let new = store.route(&road.name).await.unwrap().expect("the route");
    assert_eq!((new.serving, new.share, new.generation), (Side::A, weight(0), Generation(0)));
    assert_eq!(new.labels, [Some("v1".to_owned()), None]);

    let one = started(store, "shop", &road).await;
    let mut swap = commit(&one, shifting(), "shift");
    let change = shift(&new, Some(&one.name), 100);
    let segment = Segment { attribute: "platform".to_owned(), value: "ios".to_owned() };
    let own = Override { segment, share: weight(0), since: Generation(1) };
    let overrides = vec![own.clone()];
    swap.route = Some(RouteChange { serving: Side::B, overrides: overrides.clone(), ..change });
    commit_one(store, swap).await;
    assert_eq!(store.routes().await.unwrap()[0].overrides, overrides);
    road.dashboard = Some("https://dash.example".to_owned());
    assert_eq!(store.apply_route(&road, at(2)).await.unwrap(), Applied::Held(one.name.clone()));

    let held = store.route(&road.name).await.unwrap().expect("the route");
    let two = store.rollout(&one.name).await.unwrap().expect("it");
    let mut end = commit(&two, reverted(), "end");
    assert_eq!(held.overrides, [own]);
    let learned = Learned::from([("errors".to_owned(), Baseline::default())]);
    end.route = Some(RouteChange { learned: Some(learned.clone()), ..shift(&held, None, 100) });
    assert_eq!(held.learned, Learned::new());
    commit_one(store, end).await;
    assert_eq!(store.route(&road.name).await.unwrap().expect("the route").learned, learned);
    road.serves = Some("v9".to_owned());
    assert_eq!(store.apply_route(&road, at(3)).await.unwrap(), Applied::Changed);
    let now = store.routes().await.unwrap().remove(0);
    assert_eq!((now.route, now.serving, now.share), (road, Side::B, weight(100)));
    assert_eq!(now.overrides, []);
    assert_eq!(now.labels, [Some("v1".to_owned()), Some("v2".to_owned())]);
}

async fn plans_keep_every_revision(store: &dyn Store) {
    let road = route("road");
    let mut shop = plan("shop", &road);
    let apply = |plan: tidegate::plan::Plan, text: &'static str| async move {
        let revision = store.apply_plan(&plan, text, "kim", at(1)).await.unwrap();
        (revision.number, revision.created)
    };
    assert_eq!(apply(shop.clone(), "one").await, (1, true));
    assert_eq!(apply(shop.clone(), "one").await, (1, false));
    shop.owner = "team-shop".to_owned();
    assert_eq!(apply(shop.clone(), "two").await, (2, true));
    assert_eq!(apply(shop.clone(), "one").await, (3, true), "what is applied last is what starts");
    apply(plan("other", &road), "else").await;
    let newest = store.plan(&shop.name, None).await.unwrap().expect("a plan");
    assert_eq!((newest.revision, newest.text.as_str(), &newest.plan), (3, "one", &shop));
    let first = store.plan(&shop.name, Some(1)).await.unwrap().expect("a plan");
    assert_eq!(first.plan, plan("shop", &road));
    assert_eq!(store.plan(&shop.name, Some(9)).await.unwrap(), None);
    let numbers = |rows: Vec<tidegate::store::PlanRow>| -> Vec<(String, u32)> {
        rows.into_iter().map(|r| (r.plan.name.to_string(), r.revision)).collect()
    };
    let all = numbers(store.plans().await.unwrap());
    assert_eq!(all, [("other".to_owned(), 1), ("shop".to_owned(), 3)]);
    let revisions = numbers(store.revisions(&shop.name).await.unwrap());
    assert_eq!(revisions.iter().map(|r| r.1).collect::<Vec<_>>(), [3, 2, 1]);
}

async fn lists_are_filtered_and_paged(store: &dyn Store) {
    for (plan, on) in [("shop", "a"), ("shop", "b"), ("pay", "c")] {
        started(store, plan, &route(on)).await;
    }
    let ended = store.rollout(&"shop#1".parse().unwrap()).await.unwrap().expect("it");
    commit_one(store, commit(&ended, reverted(), "reverted")).await;
    let all = ListFilter { limit: 9, ..ListFilter::default() };
    let rows = [
        (all.clone(), "pay#1 shop#2 shop#1"),
        (ListFilter { plan: Some(name("shop")), ..all.clone() }, "shop#2 shop#1"),
        (ListFilter { route: Some(name("a")), ..all.clone() }, "shop#1"),
        (ListFilter { phase: Some("reverted".to_owned()), ..all.clone() }, "shop#1"),
        (ListFilter { live: true, ..all.clone() }, "pay#1 shop#2"),
        (ListFilter { plan: Some(name("shop")), live: true, ..all.clone() }, "shop#2"),
        (ListFilter { limit: 1, ..all.clone() }, "pay#1"),
    ];
    for (filter, expect) in rows {
        let found = store.list(&filter).await.unwrap();
        let names: Vec<String> = found.iter().map(|s| s.name.to_string()).collect();
        assert_eq!(names.join(" "), expect, "{filter:?}");
    }
    let page = store.list(&ListFilter { limit: 2, ..all.clone() }).await.unwrap();
    let rest = store.list(&ListFilter { before: Some(page[1].id), ..all }).await.unwrap();
    assert_eq!(rest[0].name.to_string(), "shop#1");
    assert_eq!((rest[0].ended_at, rest[0].owner.as_str()), (Some(at(9)), "team-pay"));
}

async fn completed_rollouts_live_until_they_cannot_return(store: &dyn Store) {
    let one = started(store, "shop", &route("road")).await;
    let end = Phase::Completed { at: at(5), return_until: at(50) };
    commit_one(store, commit(&one, end, "completed")).await;
    assert_eq!(store.live(at(49)).await.unwrap().len(), 1);
    assert_eq!(store.live(at(50)).await.unwrap().len(), 0);
}

fn kill(on: &str, because: &str) -> Kill {
    Kill { route: name(on), by: Actor::local("root"), because: because.to_owned(), at: at(4) }
}

async fn kills_stand_until_removed(store: &dyn Store) {
    store.kill(&kill("road", "first")).await.unwrap();
    store.kill(&kill("road", "second")).await.unwrap();
    assert_eq!(store.kills().await.unwrap(), [kill("road", "first")]);
    assert!(store.unkill(&name("road")).await.unwrap());
    assert!(!store.unkill(&name("road")).await.unwrap());
    assert_eq!(store.kills().await.unwrap(), []);
}

async fn instances_are_replaced_and_forgotten(store: &dyn Store) {
    let row = |node: &str, acknowledged| InstanceRow {
        route: name("road"),
        node: node.to_owned(),
        boot: "b1".to_owned(),
        acknowledged: Generation(acknowledged),
        served: weight(5),
        served_for: Some("shop#1".parse().unwrap()),
        seen: at(acknowledged),
        metrics: Some("http://10.0.0.1:8405/metrics".to_owned()),
    };
    store.save_instances(vec![row("n1", 1), row("n2", 1)]).await.unwrap();
    store.save_instances(vec![row("n1", 2)]).await.unwrap();
    assert_eq!(store.instances().await.unwrap(), [row("n1", 2), row("n2", 1)]);
    assert!(store.forget_instance(&name("road"), "n1").await.unwrap());
    assert!(!store.forget_instance(&name("road"), "n1").await.unwrap());
    assert_eq!(store.instances().await.unwrap(), [row("n2", 1)]);
}

async fn tokens_are_found_until_revoked(store: &dyn Store) {
    let token = |hash| TokenRow {
        name: "ci".to_owned(),
        hash: [hash; 32],
        role: Role::Operator,
        groups: vec!["sre".to_owned()],
        created: at(i64::from(hash)),
        revoked: None,
    };
    store.add_token(&token(1)).await.unwrap();
    let again = store.add_token(&token(2)).await;
    assert!(matches!(&again, Err(StoreError::Taken { what }) if what == "token `ci`"), "{again:?}");
    assert_eq!(store.token(&[1; 32]).await.unwrap(), Some(token(1)));
    assert_eq!(store.token(&[2; 32]).await.unwrap(), None);
    assert!(store.revoke_token("ci", at(5)).await.unwrap());
    assert!(!store.revoke_token("ci", at(6)).await.unwrap());
    assert_eq!(store.token(&[1; 32]).await.unwrap(), None);
    store.add_token(&token(2)).await.unwrap();
    let revoked = TokenRow { revoked: Some(at(5)), ..token(1) };
    assert_eq!(store.tokens().await.unwrap(), [revoked, token(2)]);
}

async fn the_first_answer_under_a_key_stays(store: &dyn Store) {
    let answer = |status| Answered { request: [3; 32], status, body: "{}".to_owned() };
    let remember = |key: &'static str, status, at: Timestamp| async move {
        store.remember("start", key, &answer(status), at).await.unwrap();
    };
    assert_eq!(store.answered("start", "k").await.unwrap(), None);
    remember("k", 201, at(0)).await;
    remember("k", 409, at(1)).await;
    assert_eq!(store.answered("start", "k").await.unwrap(), Some(answer(201)));
    assert_eq!(store.answered("other", "k").await.unwrap(), None);
    remember("later", 200, at(8 * 86_400)).await;
    assert_eq!(store.answered("start", "k").await.unwrap(), None, "kept for seven days");
}

/// Looks are stored with the memory that took them in, or not at all, and go when their rollout has ended for long.
async fn looks_come_with_their_memory(store: &dyn Store) {
    let one = started(store, "shop", &route("road")).await;
    let number_of = |rows: &[KeptLooks]| rows.iter().map(|r| r.number).collect::<Vec<_>>();
    let mut write = commit(&one, shifting(), "shift");
    write.memory = looked(&one.memory, 3);
    let first = KeptLooks::of(&write.memory).expect("looks");
    assert!(first.number == 1 && first.start.is_some() && first.chunk.looks == 3);
    let stale = Commit { expected_version: 9, ..write.clone() };
    assert_eq!(commit_one(store, stale).await, Committed::Stale);
    assert_eq!(store.looks(&one.name, 0, 10).await.unwrap(), []);

    assert_eq!(commit_one(store, write.clone()).await, Committed::Stored(2));
    assert_eq!(store.looks(&one.name, 0, 10).await.unwrap(), [first]);
    let two = store.rollout(&one.name).await.unwrap().expect("the rollout");
    assert_eq!(two.memory, write.memory.stored(), "what is stored is no longer to be kept");
    let flush = Flush {
        name: one.name.clone(),
        expected_version: 2,
        state: two.state.clone(),
        memory: looked(&two.memory, 2),
    };
    assert_eq!(store.flush(vec![flush.clone(), flush.clone()]).await.unwrap(), [true, false]);
    let rows = store.looks(&one.name, 0, 10).await.unwrap();
    assert_eq!(number_of(&rows), [1, 4]);
    assert_eq!(rows[1], KeptLooks::of(&flush.memory).expect("looks"));
    assert_eq!(number_of(&store.looks(&one.name, 0, 1).await.unwrap()), [1]);
    assert_eq!(number_of(&store.looks(&one.name, 1, 10).await.unwrap()), [4]);

    assert!(!store.drop_looks(at(1000)).await.unwrap(), "it has not ended");
    let three = store.rollout(&one.name).await.unwrap().expect("the rollout");
    assert_eq!(
        commit_one(store, commit(&three, reverted(), "reverted")).await,
        Committed::Stored(4)
    );
    assert!(!store.drop_looks(at(9)).await.unwrap(), "it has just ended");
    assert!(store.drop_looks(at(10)).await.unwrap());
    assert_eq!(store.looks(&one.name, 0, 10).await.unwrap(), []);
    assert!(!store.drop_looks(at(10)).await.unwrap(), "there is nothing left");
}
