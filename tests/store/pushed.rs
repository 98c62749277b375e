//! What every adapter of the store promises of pushed observations.

use std::time::Duration;

use tidegate::domain::Segment;
use tidegate::store::{Counted, PushBatch, PushedCount, PushedUser, Store, TooMany};

use crate::fixtures::*;

/// `arm` and what it adds, each `series value`.
fn pushed(batch: &str, second: i64, arms: &[(&str, &[(&str, f64)])]) -> PushBatch {
    let series = |(series, more): &(&str, f64)| (series.parse().expect("a series"), *more);
    let arm = |(arm, counts): &(&str, &[(&str, f64)])| {
        ((*arm).to_owned(), counts.iter().map(series).collect())
    };
    let counts = arms.iter().map(arm).collect();
    let (route, batch, users) = (name("road"), batch.to_owned(), Vec::new());
    PushBatch { route, batch, counts, users, at: at(second) }
}

/// What is counted of both arms, in the store's order.
async fn counted(store: &dyn Store) -> Vec<String> {
    let arms = ["v1".to_owned(), "v2".to_owned()].into();
    let counts = store.pushed(&name("road"), &arms).await.expect("counts");
    let told = |c: &PushedCount| {
        format!("{} {} {}@{}", c.arm, c.series, c.value, c.updated.since(at(0)).as_secs())
    };
    counts.iter().map(told).collect()
}

pub async fn a_pushed_batch_counts_once(store: &dyn Store) {
    let batch = |id: &str, second, canary: &[(&str, f64)]| {
        let old: &[_] = &[("requests", 100.0), ("failures", 1.0)];
        pushed(id, second, &[("v1", old), ("v2", canary), ("v0", old)])
    };
    let one = batch("one", 1, &[("requests", 10.0), ("sum/basket", 7.25)]);
    assert_eq!(store.push(&one).await.unwrap(), Counted::New);
    assert_eq!(store.push(&one).await.unwrap(), Counted::Before);
    let two = batch("two", 2, &[("requests", 5.0), ("requests in os=ios", 4.0)]);
    assert_eq!(store.push(&two).await.unwrap(), Counted::New);
    let expect = [
        "v1 failures 2@2",
        "v1 requests 200@2",
        "v2 requests 15@2",
        "v2 requests in os=ios 4@2",
        "v2 sum/basket 7.25@1",
    ];
    assert_eq!(counted(store).await, expect);
    for odd in [f64::INFINITY, f64::NAN, -100.0] {
        let counts = [("requests", odd)];
        let three = batch("three", 3, &counts);
        assert!(store.push(&three).await.is_err(), "a count of {odd} is refused");
    }
    assert_eq!(counted(store).await, expect);
    let three = batch("three", 3, &[("requests", 1.0)]);
    assert_eq!(store.push(&three).await.unwrap(), Counted::New, "and its batch id forgotten");
    let week = Duration::from_secs(7 * 86_400);
    store.forget_pushed(at(2).plus(week)).await.unwrap();
    let left = counted(store).await;
    assert_eq!(left.len(), 4, "one was not sent again in seven days: {left:?}");
}

pub async fn names_are_few(store: &dyn Store) {
    let values = |batch: &str, second, values: std::ops::Range<u32>| {
        let series: Vec<String> = values.map(|i| format!("requests in os={i}")).collect();
        let counts: Vec<(&str, f64)> = series.iter().map(|s| (s.as_str(), 1.0)).collect();
        pushed(batch, second, &[("v1", &counts)])
    };
    let many = |what| Counted::TooMany(what);
    assert_eq!(store.push(&values("a", 1, 0..50)).await.unwrap(), Counted::New);
    let os = TooMany::Values("os".to_owned());
    assert_eq!(store.push(&values("b", 1, 49..51)).await.unwrap(), many(os));
    assert_eq!(store.push(&values("b", 1, 0..3)).await.unwrap(), Counted::New);
    let numbers: Vec<String> = (0..51).map(|i| format!("sum/n{i}")).collect();
    let numbers: Vec<(&str, f64)> = numbers.iter().map(|s| (s.as_str(), 1.0)).collect();
    let told = store.push(&pushed("c", 1, &[("v1", &numbers)])).await.unwrap();
    assert_eq!(told, many(TooMany::Numbers));
    let attributes: Vec<String> = (0..50).map(|i| format!("requests in a{i}=x")).collect();
    let attributes: Vec<(&str, f64)> = attributes.iter().map(|s| (s.as_str(), 1.0)).collect();
    let told = store.push(&pushed("c", 1, &[("v1", &attributes)])).await.unwrap();
    assert_eq!(told, many(TooMany::Attributes));
    assert_eq!(counted(store).await.len(), 50, "nothing of those refused");
    let week = Duration::from_secs(7 * 86_400 + 2);
    store.forget_pushed(at(1).plus(week)).await.unwrap();
    assert_eq!(store.push(&values("d", 1, 60..70)).await.unwrap(), Counted::New);
}

pub async fn a_user_counts_once_with_their_first_ten_minutes(store: &dyn Store) {
    let seen = |batch: &str, second, users: &[(&str, &str, bool)]| {
        let user = |(arm, user, failed): &(&str, &str, bool)| PushedUser {
            arm: (*arm).to_owned(),
            segment: None,
            user: (*user).to_owned(),
            failed: *failed,
        };
        let mut users: Vec<PushedUser> = users.iter().map(user).collect();
        let ios = Segment { attribute: "os".to_owned(), value: "ios".to_owned() };
        let in_ios = users.iter().filter(|u| u.user == "ana").cloned();
        let in_ios: Vec<_> =
            in_ios.map(|user| PushedUser { segment: Some(ios.clone()), ..user }).collect();
        users.extend(in_ios);
        PushBatch { users, ..pushed(batch, second, &[]) }
    };
    let push = async |batch: PushBatch| assert_eq!(store.push(&batch).await.unwrap(), Counted::New);
    push(seen("1", 0, &[("v1", "ana", false), ("v2", "ana", false), ("v2", "jo", false)])).await;
    push(seen("2", 1, &[("v2", "jo", true), ("v2", "kim", false)])).await;
    push(seen("3", 600, &[("v2", "ana", true)])).await;
    store.count_users(at(600)).await.unwrap();
    assert!(counted(store).await.is_empty(), "ten minutes are not over");
    // Jo fails again, Kim too late; each was counted, or is now.
    push(seen("4", 602, &[("v2", "jo", true), ("v2", "kim", true), ("v2", "lee", true)])).await;
    let told = |counts: Vec<String>| {
        counts.iter().map(|c| c.split('@').next().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let expect = [
        "v1 users 1",
        "v1 users failed 0",
        "v1 users failed in os=ios 0",
        "v1 users in os=ios 1",
        "v2 users 3",
        "v2 users failed 2",
        "v2 users failed in os=ios 1",
        "v2 users in os=ios 1",
    ];
    assert_eq!(told(counted(store).await), expect);
    // Nobody pushes any more, and Lee is counted all the same.
    store.count_users(at(1203)).await.unwrap();
    store.count_users(at(1204)).await.unwrap();
    let after = told(counted(store).await);
    assert_eq!(after[4..6], ["v2 users 4", "v2 users failed 3"]);
    // Forgotten after seven days, a user is new.
    let week = Duration::from_secs(7 * 86_400);
    store.forget_pushed(at(601).plus(week)).await.unwrap();
    push(seen("5", 700_000, &[("v2", "jo", false), ("v2", "lee", false)])).await;
    store.count_users(at(701_000)).await.unwrap();
    assert_eq!(told(counted(store).await)[4], "v2 users 5", "Jo is new, and Lee is not");
}
