//! Who may what, and that nothing is left out of the table.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::{ROLES, Role, World, send};
use crate::api::auth::TABLE;
use crate::api::{Peer, openapi};

#[tokio::test]
async fn every_operation_asks_for_its_role_and_names_it() {
    let world = World::new().await;
    for (method, path, may) in TABLE {
        let path = path.replace("{name}", "none").replace("{node}", "n").replace("{revision}", "1");
        if path.ends_with("/events") {
            continue; // Endless; its own test reads it.
        }
        for role in ROLES {
            let said = world.send(world.request(method.clone(), &path, role, "{}")).await;
            let status = said.status.as_u16();
            if may.roles().contains(&role) {
                assert!(status != 401 && status != 403, "{method} {path} as {role:?}: {status}");
            } else {
                let detail = said.problem(403, "forbidden");
                assert!(detail.contains("this needs"), "{method} {path} as {role:?}: {detail}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_comes_in_without_a_good_token() {
    let world = World::new().await;
    let headers = [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer tg_0".to_owned()),
        Some(format!("Basic {}", world.token(Role::Admin))),
        Some(format!("Bearer {}x", world.token(Role::Admin))),
    ];
    for (method, path, _) in TABLE {
        let path = path.replace("{name}", "none").replace("{node}", "n").replace("{revision}", "1");
        for header in &headers {
            let mut request = Request::builder().method(method.clone()).uri(&path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let said = world.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(said.headers["www-authenticate"], "Bearer");
            said.problem(401, "unauthenticated");
        }
    }
}

#[test]
fn the_document_has_exactly_the_operations_of_the_table() {
    let json = serde_json::to_value(openapi()).expect("JSON");
    let mut documented = Vec::new();
    for (path, item) in json["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut table: Vec<String> = TABLE.iter().map(|(m, p, _)| format!("{m} {p}")).collect();
    documented.sort();
    table.sort();
    assert_eq!(documented, table);
    assert_eq!(json["openapi"], "3.1.0");
    assert_eq!(json["components"]["securitySchemes"]["token"]["scheme"], "bearer");
}

#[tokio::test]
async fn the_document_is_served_and_its_references_lead_somewhere() {
    let world = World::new().await;
    let request = Request::get("/api/v1/openapi.json").body(Body::empty()).expect("a request");
    let json = world.send(request).await.is(200);
    let text = json.to_string();
    let references = text.split("\"#/components/schemas/").skip(1);
    let names: Vec<&str> = references.filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 40, "{}", names.len());
    for name in names {
        assert!(json["components"]["schemas"][name].is_object(), "{name} is nowhere");
    }
}

#[tokio::test]
async fn a_token_is_shown_once_kept_as_a_hash_and_can_be_revoked() {
    let world = World::new().await;
    let body = json!({ "name": "ana", "role": "viewer", "groups": ["leads"] }).to_string();
    let made = world.post("/api/v1/tokens", Role::Admin, &body).await.is(201);
    let text = made["token"].as_str().expect("a token").to_owned();
    assert!(text.starts_with("tg_") && text.len() > 60, "{text}");
    let whoami = || {
        let request =
            Request::get("/api/v1/whoami").header("authorization", format!("bearer {text}"));
        world.send(request.body(Body::empty()).expect("a request"))
    };
    let me = whoami().await.is(200);
    assert_eq!(
        (&me["name"], &me["role"], &me["local"]),
        (&json!("ana"), &json!("viewer"), &json!(false))
    );
    let list = world.send(world.request(Method::GET, "/api/v1/tokens", Role::Admin, "")).await;
    assert!(!list.text.contains(&text), "{}", list.text);
    world.post("/api/v1/tokens", Role::Admin, &body).await.problem(409, "conflict");
    let revoke = world.request(Method::DELETE, "/api/v1/tokens/ana", Role::Admin, "");
    world.send(revoke).await.is(200);
    whoami().await.problem(401, "unauthenticated");
    let again = world.request(Method::DELETE, "/api/v1/tokens/ana", Role::Admin, "");
    world.send(again).await.problem(404, "not-found");
}

#[tokio::test]
async fn nobody_takes_a_name_that_the_journal_gives_to_others() {
    let world = World::new().await;
    for (name, role) in [
        ("the judge", "viewer"),
        ("ana (on the server's own host, no token)", "viewer"),
        ("", "viewer"),
        ("ana", "root"),
    ] {
        let body = json!({ "name": name, "role": role }).to_string();
        world.post("/api/v1/tokens", Role::Admin, &body).await.problem(422, "unprocessable");
    }
}

#[tokio::test]
async fn who_comes_by_the_local_socket_needs_no_token_and_the_journal_says_so() {
    let world = World::with_plan().await;
    let local = |method: Method, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path);
        let peer = Peer { user: "ana".to_owned() };
        request.extension(peer).body(Body::from(body)).expect("a request")
    };
    let me = world.send(local(Method::GET, "/api/v1/whoami", String::new())).await.is(200);
    assert_eq!(
        (&me["name"], &me["role"], &me["local"]),
        (&json!("ana"), &json!("admin"), &json!(true))
    );
    let body = json!({ "plan": "shop", "inputs": { "version": "v2" } }).to_string();
    let started = world.send(local(Method::POST, "/api/v1/rollouts", body)).await.is(201);
    assert_eq!(started["rollout"]["started_by"], "ana (on the server's own host, no token)");
}

#[tokio::test]
async fn proxies_and_programs_need_a_provider_s_token() {
    let world = World::with_plan().await;
    let batch = json!({ "batch": "1", "route": "shop", "observations": [{ "arm": "v1", "outcome": "ok" }] });
    let ask = |path: &str, method: Method, token: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Body::from(batch.to_string())).expect("a request")
    };
    let (poll, flag) = ("/pull/v1/splits/shop?node=a&boot=1", "/ofrep/v1/evaluate/flags/shop");
    let push = "/api/v1/observations";
    for (path, method) in [(poll, Method::GET), (flag, Method::POST), (push, Method::POST)] {
        for token in [None, Some(world.token(Role::Viewer)), Some("tg_no")] {
            let said = send(&world.providers, ask(path, method.clone(), token)).await;
            assert_eq!(said.status, 401, "{path}");
        }
        let said =
            send(&world.providers, ask(path, method, Some(world.token(Role::Provider)))).await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
    }
    let said = send(
        &world.providers,
        ask("/api/v1/rollouts", Method::GET, Some(world.token(Role::Admin))),
    )
    .await;
    assert_eq!(said.status, 404, "the providers' listener has nothing for people");
}
