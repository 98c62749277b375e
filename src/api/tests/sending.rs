//! Plans, observations and repeated writes.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;

use super::{PLAN, Role, World};
use crate::api::views::{BatchBody, ErrorView, ObservationBody};
use crate::metrics::Batch;

#[tokio::test]
async fn a_plan_is_stored_once_and_told_by_its_revision() {
    let world = World::with_plan().await;
    let again = world.post("/api/v1/plans", Role::Operator, PLAN).await.is(200);
    let outcomes: Vec<_> =
        again["applied"].as_array().expect("a list").iter().map(|a| &a["outcome"]).collect();
    assert_eq!(outcomes, ["unchanged", "unchanged"]);
    let changed = PLAN.replace("shift: 5%", "shift: 10%");
    let said = world.post("/api/v1/plans", Role::Operator, &changed).await.is(201);
    assert_eq!(said["applied"][1]["text"], "plan shop: created, revision 2");

    let said = world.get("/api/v1/plans/shop").await;
    assert_eq!(said.headers["etag"], "\"shop-2\"");
    let view = said.is(200);
    assert_eq!((&view["revision"], &view["applied_by"]), (&json!(2), &json!("operator")));
    assert_eq!(view["steps"][0], "10 % for 10m");
    let first = world.get("/api/v1/plans/shop/revisions/1").await.is(200);
    assert!(first["text"].as_str().is_some_and(|text| text.contains("shift: 5%")));
    let all = world.get("/api/v1/plans/shop/revisions").await.is(200);
    assert_eq!(
        (&all["plans"][0]["revision"], &all["plans"][1]["revision"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(world.get("/api/v1/plans").await.is(200)["plans"][0]["name"], "shop");
    world.get("/api/v1/plans/other").await.problem(404, "not-found");
    world.get("/api/v1/plans/shop/revisions/9").await.problem(404, "not-found");
    world.get("/api/v1/plans/shop/revisions/-1").await.problem(400, "bad-request");
}

#[tokio::test]
async fn etags_spare_a_read_and_guard_a_write() {
    let world = World::with_plan().await;
    let with = |method, header: &str, tag: &str, body: &str| {
        let path = if method == Method::GET { "/api/v1/plans/shop" } else { "/api/v1/plans" };
        let mut request = world.request(method, path, Role::Admin, body);
        let name: axum::http::HeaderName = header.parse().expect("a header");
        request.headers_mut().insert(name, tag.parse().expect("a tag"));
        world.send(request)
    };
    with(Method::GET, "if-none-match", "\"shop-1\"", "").await.is(304);
    with(Method::GET, "if-none-match", "\"shop-2\"", "").await.is(200);
    let changed = PLAN.replace("shift: 5%", "shift: 10%");
    with(Method::POST, "if-match", "\"shop-7\"", &changed).await.problem(412, "conflict");
    with(Method::POST, "if-match", "\"shop-1\"", &changed).await.is(201);
}

#[tokio::test]
async fn a_file_with_errors_is_told_line_by_line_and_nothing_is_stored() {
    let world = World::new().await;
    let bad = PLAN.replace("  - shift: 5%", "  - shfit: 5%");
    let said = world.post("/api/v1/plans?path=shop.yaml", Role::Admin, &bad).await;
    let view: ErrorView = serde_json::from_str(&said.text).expect("an error");
    said.problem(422, "invalid-plan");
    let problem = view.problems.iter().find(|p| p.message.contains("shfit")).expect("the typo");
    assert_eq!((problem.path.as_str(), problem.line, problem.column), ("shop.yaml", 14, 5));
    assert!(problem.mend.contains("shift"), "{problem:?}");
    assert!(problem.text.contains("^^^^^"), "{}", problem.text);
    for body in ["", "[", "plan: [", "\u{0}", "- - -", "plan: x\nplan: x"] {
        world.post("/api/v1/plans", Role::Admin, body).await.problem(422, "invalid-plan");
    }
    assert_eq!(world.get("/api/v1/plans").await.is(200)["plans"], json!([]));
    assert_eq!(world.get("/api/v1/routes").await.is(200)["routes"], json!([]));
}

#[tokio::test]
async fn a_dry_run_checks_and_stores_nothing() {
    let world = World::new().await;
    let said = world.post("/api/v1/plans?dry_run=true", Role::Admin, PLAN).await.is(200);
    assert_eq!((&said["dry_run"], &said["applied"]), (&json!(true), &json!([])));
    world.get("/api/v1/plans/shop").await.problem(404, "not-found");
    world.post("/api/v1/plans?dry_run=maybe", Role::Admin, PLAN).await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_plan_is_checked_against_the_route_that_is_known_here() {
    let world = World::with_plan().await;
    let (_, plan) = PLAN.split_once("---\n").expect("two documents");
    let said = world.post("/api/v1/plans", Role::Admin, plan).await.is(200);
    let elsewhere = said["problems"].to_string().contains("none of these files");
    assert!(!elsewhere, "{}", said["problems"]);
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let world = World::new().await;
    let large = "x".repeat(2 << 20);
    world.post("/api/v1/plans", Role::Admin, &large).await.problem(413, "too-large");
    world.post("/api/v1/rollouts", Role::Admin, &large).await.problem(413, "too-large");
}

#[tokio::test]
async fn a_write_sent_again_is_answered_again_and_not_done_again() {
    let world = World::with_plan().await;
    let send = |role, key: &str, body: &str| {
        let mut request = world.request(Method::POST, "/api/v1/rollouts", role, body);
        request.headers_mut().insert("idempotency-key", key.parse().expect("a key"));
        world.send(request)
    };
    let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
    let first = send(Role::Operator, "k1", &body).await;
    let second = send(Role::Operator, "k1", &body).await;
    assert_eq!((first.status.as_u16(), &first.text), (201, &second.text));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(second.headers["content-type"], "application/json");
    let rollouts = world.get("/api/v1/rollouts").await.is(200);
    assert_eq!(rollouts["rollouts"].as_array().map(Vec::len), Some(1));

    let other = json!({ "plan": "shop", "inputs": { "version": "v3" } }).to_string();
    send(Role::Operator, "k1", &other).await.problem(409, "conflict");
    // Another caller's key is another key: the route is busy now.
    send(Role::Admin, "k1", &body).await.problem(409, "busy");
    // A refusal is an answer too.
    let replayed = send(Role::Admin, "k1", &body).await;
    assert_eq!(replayed.headers["idempotency-replayed"], "true");
    replayed.problem(409, "busy");
    send(Role::Operator, &"k".repeat(201), &body).await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_new_token_s_text_is_remembered_under_no_key() {
    let world = World::new().await;
    let body = json!({ "name": "ana", "role": "viewer" }).to_string();
    for expect in [201, 409] {
        let mut request = world.request(Method::POST, "/api/v1/tokens", Role::Admin, &body);
        request.headers_mut().insert("idempotency-key", "k".parse().expect("a key"));
        assert_eq!(world.send(request).await.status, expect);
    }
}

#[tokio::test]
async fn a_batch_is_counted_once() {
    let world = World::with_plan().await;
    let batch = BatchBody {
        batch: "b1".to_owned(),
        route: "shop".to_owned(),
        observations: vec![
            ObservationBody {
                arm: "v1".into(),
                outcome: "ok".into(),
                count: Some(98),
                values: [("basket".to_owned(), 2.5)].into(),
                user: Some("ana".to_owned()),
                segment: [("platform".to_owned(), "ios".to_owned())].into(),
                ..ObservationBody::default()
            },
            ObservationBody {
                arm: "v1".into(),
                outcome: "failed".into(),
                count: Some(2),
                latency_ms: Some(3.5),
                ..ObservationBody::default()
            },
        ],
    };
    let text = serde_json::to_string(&batch).expect("JSON");
    serde_json::from_str::<Batch>(&text).expect("the documented form is the one that is read");
    let push = |body: String| {
        let world = &world;
        async move { world.post("/api/v1/observations", Role::Provider, &body).await }
    };
    assert_eq!(push(text.clone()).await.is(200)["counted"], true);
    assert_eq!(push(text.clone()).await.is(200)["counted"], false);
    let name = crate::domain::Name::new("shop").expect("a name");
    let arms = ["v1".to_owned()].into();
    let counts = world.service.store().pushed(&name, &arms).await.expect("counts");
    let value = |series: &str| {
        counts.iter().find(|count| count.series.to_string() == series).map(|count| count.value)
    };
    let series = ["requests", "failures", "requests in platform=ios", "sum/basket", "users"];
    assert_eq!(series.map(value), [Some(100.0), Some(2.0), Some(98.0), Some(245.0), None]);
    push(text.replace("\"shop\"", "\"none\"")).await.problem(404, "not-found");
    push(text.replace("98", "0")).await.problem(422, "unprocessable");
    let each = (0..50).map(
        |i| json!({ "arm": "v1", "outcome": "ok", "segment": { "platform": format!("p{i}") } }),
    );
    let many = json!({ "batch": "b2", "route": "shop", "observations": each.collect::<Vec<_>>() });
    let told = push(many.to_string()).await.problem(422, "unprocessable");
    let words = "route `shop` would have more than 50 values of `platform` in `segment`";
    assert!(told.to_string().contains(words), "{told}");
    push(text.replace("\"ok\"", "\"good\"")).await.problem(400, "bad-request");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems_too() {
    let world = World::new().await;
    world.get("/nothing").await.problem(404, "not-found");
    world.get("/api/v1/nothing").await.problem(404, "not-found");
    let patch = world.request(Method::PATCH, "/api/v1/plans", Role::Admin, "");
    world.send(patch).await.problem(405, "method-not-allowed");
    let health = axum::http::Request::get("/healthz").body(Body::empty()).expect("a request");
    assert_eq!(world.send(health).await.text, "ok\n");
    let ready = axum::http::Request::get("/readyz").body(Body::empty()).expect("a request");
    assert_eq!(world.send(ready).await.text, "ready\n");
}
