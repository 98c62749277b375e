//! A segment that is cut, from the look that blames it to what one user of it gets, and after a crash.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};

use super::{PLAN, Role, World, until};
use crate::domain::{Name, RolloutName};
use crate::engine::{Event, Finding, Look};
use crate::plan::{Document, OnRegression, SourceFile, read};
use crate::scheduler::Service;
use crate::traffic::Feed;

const SHOP: &str = "/api/v1/rollouts/shop%231";

/// `shop#1` baking at 5 %, its plan judged by platform.
async fn with_platforms() -> World {
    let world = World::with_plan().await;
    let read = read(&SourceFile { path: "shop.yaml", bytes: PLAN.as_bytes() });
    let plan = read.documents.iter().find_map(Document::plan).expect("a plan");
    let mut plan = plan.clone();
    plan.on_regression = OnRegression::RevertSegment;
    plan.segments.insert("platform".to_owned(), ["ios", "android"].map(str::to_owned).into());
    let at = world.service.now().wall;
    world.service.store().apply_plan(&plan, "by platform", "ada", at).await.expect("a revision");
    let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
    let mut changes = world.service.changes();
    world.post("/api/v1/rollouts", Role::Operator, &body).await.is(201);
    until(&mut changes, "baking").await;
    world
}

async fn blame(world: &World, item: &str) {
    let name: RolloutName = "shop#1".parse().expect("a name");
    let stored = world.service.show(&name).await.expect("the store").expect("a rollout");
    let sentence = "v2 fails 3.8x as often as v1".to_owned();
    let look = Look {
        generation: stored.state.wish.generation,
        lasting: std::time::Duration::ZERO,
        waited: std::time::Duration::ZERO,
        finding: Finding::Regression { check: item.to_owned(), sentence },
        detail: Value::Null,
    };
    world.service.apply(&name, Event::Looked(look)).await.expect("taken");
}

/// How many of a thousand users of a platform get v2, and the reason the first is told.
async fn users(world: &World, platform: &str) -> (usize, String) {
    let (mut new, mut reason) = (0, String::new());
    for user in (0..1000).rev() {
        let context = json!({ "context": { "user_id": user, "platform": platform } }).to_string();
        let path = "/ofrep/v1/evaluate/flags/shop";
        let request = world.request(Method::POST, path, Role::Provider, &context);
        let answer = super::send(&world.providers, request).await.is(200);
        new += usize::from(answer["value"] == "v2");
        reason = answer["reason"].as_str().expect("a reason").to_owned();
    }
    (new, reason)
}

/// What is shown once the scheduler has heard of it as well.
async fn shown(world: &World, field: &str, value: &Value) -> Value {
    let heard = async {
        loop {
            let view = world.get(SHOP).await.is(200);
            if view[field] == *value {
                return view;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::PATIENCE, heard).await.expect("shown")
}

#[tokio::test]
async fn a_cut_segment_gets_the_old_version_and_a_person_is_asked() {
    let world = with_platforms().await;
    let (ios, android) = (users(&world, "ios").await, users(&world, "android").await);
    assert_eq!((&ios, ios.1.as_str()), (&android, "SPLIT"));
    assert!((20..90).contains(&ios.0), "5 % of a thousand: {ios:?}");

    blame(&world, "errors in platform ios").await;
    assert_eq!(users(&world, "ios").await, (0, "TARGETING_MATCH".to_owned()));
    assert_eq!(users(&world, "android").await, android);

    let expect = json!([{
        "attribute": "platform", "value": "ios", "since": "2025-11-24T16:00:00.000000Z",
        "sentence": "errors in platform ios: v2 fails 3.8x as often as v1",
    }]);
    let view = shown(&world, "cuts", &expect).await;
    assert_eq!((&view["group"], &view["needs_person"]), (&json!("needs_you"), &json!(false)));
    let row = &world.get("/api/v1/rollouts").await.is(200)["rollouts"][0];
    assert_eq!((&row["holds"], &row["cuts"]), (&json!("cut"), &expect));
    assert_eq!(row["command"], "tidegate explain shop");

    blame(&world, "errors in platform android").await;
    for platform in ["ios", "android"] {
        assert_eq!(users(&world, platform).await, (0, "STATIC".to_owned()));
    }
    let view = shown(&world, "latch", &json!("revert")).await;
    let why =
        "errors in platform android: v2 fails 3.8x as often as v1; platform ios was cut before";
    assert_eq!(view["reason"]["sentence"], why);
}

/// The process dies between commit and publish: the next one tells what is stored.
#[tokio::test]
async fn after_a_crash_the_cut_holds() {
    let world = with_platforms().await;
    blame(&world, "errors in platform ios").await;
    let told = world.service.feed().wished(&Name::new("shop").expect("a name")).expect("told");
    let clock = Arc::clone(world.service.clock());
    let feed = Feed::new(Arc::clone(&clock), Vec::new());
    let (next, _inputs) = Service::new(Arc::clone(world.service.store()), feed, clock);
    next.publish_routes().await.expect("the store");
    let again = next.feed().wished(&told.route).expect("told again");
    assert_eq!(again, told);
    let apart: Vec<String> = again.overrides.iter().map(|own| own.segment.to_string()).collect();
    assert_eq!(apart, ["platform ios"]);
}
