//! A rollout from its start to its end, by what people send and read.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Role, World, until};
use crate::api::views::{RolloutPage, RolloutView};

const SHOP: &str = "/api/v1/rollouts/shop%231";

async fn tell(world: &World, verb: &str, role: Role, body: &Value) -> super::Said {
    world.post(&format!("{SHOP}/{verb}"), role, &body.to_string()).await
}

#[tokio::test]
async fn a_rollout_is_started_moved_by_people_and_completed() {
    let world = World::with_rollout().await;
    let view: RolloutView = serde_json::from_value(world.get(SHOP).await.is(200)).expect("a view");
    assert_eq!((view.name.as_str(), view.phase.word.as_str()), ("shop#1", "baking"));
    assert_eq!((view.canary.as_str(), view.baseline.as_str()), ("v2", "v1"));
    assert_eq!(view.split.wish_ppm, 50_000);
    let ladder: Vec<&str> = view.ladder.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(ladder, ["5 %", "gate leads", "90 % for 10m", "100 %"]);
    let commands: Vec<&str> = view.actions.iter().map(|a| a.command.as_str()).collect();
    assert_eq!(
        commands,
        [
            "tidegate pause shop",
            "tidegate revert shop",
            "tidegate promote shop",
            "tidegate explain shop"
        ]
    );

    let paused =
        tell(&world, "pause", Role::Approver, &json!({ "because": "lunch" })).await.is(200);
    assert_eq!(paused["headline"], "paused at 5 %: asked by approver: lunch");
    assert_eq!((&paused["group"], &paused["needs_person"]), (&json!("needs_you"), &json!(true)));
    let again = tell(&world, "pause", Role::Operator, &json!({})).await.problem(409, "refused");
    assert_eq!(again, "shop#1: it is paused already");
    tell(&world, "resume", Role::Operator, &json!({})).await.is(200);
    let early = tell(&world, "approve", Role::Approver, &json!({})).await;
    early.problem(409, "refused");

    let mut changes = world.service.changes();
    tell(&world, "promote", Role::Operator, &json!({ "because": "sure" })).await.is(200);
    until(&mut changes, "completed").await;
    let done = world.get("/api/v1/rollouts/shop").await.is(200);
    assert_eq!((&done["group"], &done["latch"]), (&json!("ended"), &json!("none")));
    assert_eq!(done["actions"][0]["command"], "tidegate revert shop#1");
    let route = world.get("/api/v1/routes/shop").await.is(200);
    assert_eq!((&route["serving"], &route["serving_side"]), (&json!("v2"), &json!("b")));

    let mut changes = world.service.changes();
    tell(&world, "revert", Role::Operator, &json!({ "because": "colour" })).await.is(200);
    until(&mut changes, "reverted").await;
    let view: RolloutView = serde_json::from_value(world.get(SHOP).await.is(200)).expect("a view");
    let revert = view.revert.expect("its account");
    assert_eq!((revert.by.as_str(), revert.from_ppm), ("operator", 1_000_000));
    assert_eq!(view.headline, "reverted at 100 %: asked by operator: colour");
}

#[tokio::test]
async fn the_newest_in_flight_is_meant_where_no_number_is_given() {
    let world = World::with_rollout().await;
    let view = world.get("/api/v1/rollouts/shop").await.is(200);
    assert_eq!(view["name"], "shop#1");
    for text in ["shop%232", "shop%23x", "shop%230", "shop%23", "other", "..", "%20"] {
        world.get(&format!("/api/v1/rollouts/{text}")).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_busy_route_refuses_a_second_start_and_a_killed_one_any() {
    let world = World::with_rollout().await;
    let body = json!({ "plan": "shop", "inputs": { "version": "v3" } }).to_string();
    let start = || world.post("/api/v1/rollouts", Role::Operator, &body);
    let detail = start().await.problem(409, "busy");
    assert!(detail.contains("shop is busy: shop#1 is in flight"), "{detail}");

    let kill = json!({ "because": "fire" }).to_string();
    let killed = world.post("/api/v1/routes/shop/kill", Role::Approver, &kill).await.is(200);
    assert_eq!(killed["stopped"], json!(["shop#1"]));
    let detail = start().await.problem(409, "killed");
    assert!(detail.contains("shop is killed") && detail.contains("fire"), "{detail}");
    let view = world.get(SHOP).await.is(200);
    assert_eq!(view["latch"], "kill");
    assert_eq!(world.get("/api/v1/now").await.is(200)["kills"][0]["route"], "shop");

    world.post("/api/v1/routes/shop/unkill", Role::Operator, "").await.is(200);
    world.post("/api/v1/routes/shop/unkill", Role::Operator, "").await.problem(409, "refused");
    let body = json!({ "from": "5%" }).to_string();
    let retry = format!("{SHOP}/retry");
    let again = world.post(&retry, Role::Operator, &body).await.is(201);
    assert_eq!(again["rollout"]["name"], "shop#2");
    world.post("/api/v1/routes/none/kill", Role::Operator, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let world = World::with_rollout().await;
    tell(&world, "revert", Role::Operator, &json!({})).await.is(200);
    let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
    let mut changes = world.service.changes();
    // The route is free as soon as the revert is in force.
    if world.get(SHOP).await.is(200)["phase"]["ended"] == false {
        until(&mut changes, "reverted").await;
    }
    world.post("/api/v1/rollouts", Role::Operator, &body).await.is(201);
    let page = |query: &str| {
        let path = format!("/api/v1/rollouts?{query}");
        let world = &world;
        async move {
            let page = world.get(&path).await.is(200);
            let page: RolloutPage = serde_json::from_value(page).expect("a page");
            let names: Vec<String> = page.rollouts.iter().map(|r| r.name.clone()).collect();
            (names.join(" "), page.next)
        }
    };
    assert_eq!(page("").await, ("shop#2 shop#1".to_owned(), None));
    let (first, next) = page("limit=1").await;
    assert_eq!(first, "shop#2");
    let next = next.expect("a second page");
    assert_eq!(page(&format!("limit=1&before={next}")).await, ("shop#1".to_owned(), None));
    assert_eq!(page("live=true").await.0, "shop#2");
    assert_eq!(page("phase=reverted").await.0, "shop#1");
    assert_eq!(page("plan=shop&route=shop").await.0, "shop#2 shop#1");
    assert_eq!(page("plan=other").await.0, "");
    world.get("/api/v1/rollouts?limit=many").await.problem(400, "bad-request");
    world.get("/api/v1/rollouts?plan=no%20name").await.problem(404, "not-found");
}

#[tokio::test]
async fn journal_audit_explain_and_now_tell_what_happened() {
    let world = World::with_rollout().await;
    let journal = world.get(&format!("{SHOP}/journal?limit=2")).await.is(200);
    assert_eq!(journal["lines"][0]["kind"], "started");
    assert_eq!(journal["lines"][0]["by"], "operator");
    assert_eq!(journal["next"], 2);
    let rest = world.get(&format!("{SHOP}/journal?after=2")).await.is(200);
    assert_eq!(rest["lines"][0]["seq"], 3);

    let audit = world.get("/api/v1/audit").await.is(200);
    assert_eq!((&audit["intact"], &audit["journals"]), (&json!(true), &json!(1)));
    let explain = world.get(&format!("{SHOP}/explain")).await.is(200);
    assert_eq!(explain["recomputed"]["outcome"], "none");
    let looks = world.get(&format!("{SHOP}/looks?limit=5")).await.is(200);
    assert_eq!((&looks["looks"], &looks["recomputed"]["outcome"]), (&json!([]), &json!("none")));
    let story = explain["story"][0].as_str().expect("a story");
    assert!(story.starts_with("shop#1 (v1 → v2): ") && story.contains("baking"), "{story}");
    assert!(explain["terms"].as_array().is_some_and(|terms| terms.len() > 4));
    let now = world.get("/api/v1/now").await.is(200);
    assert_eq!(now["changed"][0]["route"], "shop");
    assert_eq!(now["changed"][0]["command"], "tidegate revert shop");
}

#[tokio::test]
async fn starts_say_what_is_missing() {
    let world = World::with_plan().await;
    let start = |body: Value| {
        let body = body.to_string();
        let world = &world;
        async move { world.post("/api/v1/rollouts", Role::Operator, &body).await }
    };
    let none = start(json!({ "plan": "other" })).await.problem(404, "not-found");
    assert!(none.contains("`tidegate apply`"), "{none}");
    let missing = start(json!({ "plan": "shop" })).await.problem(422, "unprocessable");
    assert!(missing.contains("input version is missing"), "{missing}");
    let same = start(json!({ "plan": "shop", "inputs": { "version": "v1" } })).await;
    assert!(same.problem(422, "unprocessable").contains("serves v1 already"));
    start(json!({ "plan": "shop", "speed": 9 })).await.problem(400, "bad-request");
    start(json!([])).await.problem(400, "bad-request");
    let get = world.request(Method::GET, "/api/v1/rollouts/shop", Role::Viewer, "");
    let detail = world.send(get).await.problem(404, "not-found");
    assert!(detail.contains("there is no rollout of `shop`"), "{detail}");
}

#[tokio::test]
async fn the_routes_that_a_route_can_hurt_are_watched_where_they_are_known() {
    let world = World::new().await;
    let used_by = "count: push\nused_by: [front, unknown]\nserves";
    let plan = super::PLAN.replace("count: push\nserves", used_by);
    let front = "---\nroute: front\nsplit: { observe: {} }\ncount: push\nserves: v7\n";
    world.post("/api/v1/plans", Role::Admin, &format!("{plan}{front}")).await.is(201);
    let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
    world.post("/api/v1/rollouts", Role::Operator, &body).await.is(201);
    let name = "shop#1".parse().expect("a name");
    let stored = world.service.store().rollout(&name).await.expect("a store").expect("a rollout");
    let checks: Vec<&str> = stored.program.plan.checks.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(checks, ["errors", "whole-route", "used-by-front"]);
    let labels: Vec<_> = stored.program.uses.iter().map(|used| used.labels.clone()).collect();
    assert_eq!(labels, [[Some("v7".to_owned()), None]]);
}
