//! Whatever a stranger sends, the answer is a problem and never a panic or a server's fault.

use axum::body::Body;
use axum::http::{Method, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Role, World};

const PATHS: [&str; 6] = [
    "/api/v1/plans/{}",
    "/api/v1/plans/{}/revisions/{}",
    "/api/v1/routes/{}",
    "/api/v1/rollouts/{}",
    "/api/v1/rollouts/{}/journal?after={}",
    "/api/v1/rollouts?plan={}&before={}",
];

fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn no_name_in_a_path_breaks_anything() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::with_rollout());
    let mut runner = TestRunner::new(Config::with_cases(200));
    let input = (proptest::collection::vec(any::<u8>(), 1..40), 0..PATHS.len());
    let checked = runner.run(&input, |(bytes, at)| {
        let path = PATHS[at].replace("{}", &encode(&bytes));
        let said = runtime.block_on(world.get(&path));
        prop_assert!(
            said.status.is_success() || said.status.is_client_error(),
            "{path}: {}",
            said.text
        );
        if said.status.is_client_error() {
            prop_assert_eq!(&said.headers["content-type"], "application/problem+json");
        }
        Ok(())
    });
    checked.expect("every answer is a view or a problem");
}

#[test]
fn no_body_breaks_anything() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::with_rollout());
    let writes = [
        "/api/v1/plans",
        "/api/v1/rollouts",
        "/api/v1/rollouts/shop%239/revert",
        "/api/v1/observations",
        "/api/v1/tokens",
    ];
    let mut runner = TestRunner::new(Config::with_cases(200));
    let word = prop_oneof![
        "\\PC{0,40}",
        Just("{\"plan\": \"a\", \"inputs\": {}}".to_owned()),
        "[\\[{\":,}\\]0-9a-z]{0,60}"
    ];
    let checked = runner.run(&(word, 0..writes.len()), |(text, at)| {
        let said = runtime.block_on(world.post(writes[at], Role::Admin, &text));
        prop_assert!(
            said.status.is_client_error(),
            "{}: {} {}",
            writes[at],
            said.status,
            said.text
        );
        Ok(())
    });
    checked.expect("every answer is a problem");
}

#[tokio::test]
async fn headers_of_any_bytes_are_answered() {
    let world = World::new().await;
    for value in [&b"Bearer \xff\xfe"[..], b"Bearer ", b" ", b"Bearer\ttg_x"] {
        let request = Request::builder().method(Method::GET).uri("/api/v1/plans");
        let request = request.header("authorization", value).body(Body::empty());
        world.send(request.expect("a request")).await.problem(401, "unauthenticated");
    }
    let mut request = world.request(Method::POST, "/api/v1/plans", Role::Admin, "");
    request
        .headers_mut()
        .insert("idempotency-key", axum::http::HeaderValue::from_bytes(b"\xff").expect("bytes"));
    world.send(request).await.problem(400, "bad-request");
}
