//! A real server in a directory of its own, asked over real sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::clock::SystemClock;

const PLAN: &str = "\
route: shop
split: { pull: { unit: user, instances: 1 } }
arm: { label: version }
serves: v1
";

async fn server(dir: &Path) -> Server {
    started(dir).await.expect("a server")
}

async fn started(dir: &Path) -> Result<Server, ServerError> {
    let config = Config { open_providers: false, ..Config::loopback(dir.join("data")) };
    start(&config, Arc::new(SystemClock::default())).await
}

fn client() -> reqwest::Client {
    reqwest::Client::new()
}

fn local(server: &Server) -> reqwest::Client {
    let socket = server.socket.clone().expect("a local socket");
    reqwest::Client::builder().unix_socket(socket).build().expect("a client")
}

async fn json(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_token_and_later_ones_do_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path()).await;
    let token = server.first_token.clone().expect("a first token");
    let whoami = format!("http://{}/api/v1/whoami", server.api);
    let (status, me) = json(client().get(&whoami).bearer_auth(&token)).await;
    assert_eq!((status, &me["role"]), (200, &Value::from("admin")));
    assert_eq!(json(client().get(&whoami)).await.0, 401);
    server.stop().await;

    let server = self::server(dir.path()).await;
    assert_eq!(server.first_token, None);
    let whoami = format!("http://{}/api/v1/whoami", server.api);
    assert_eq!(json(client().get(&whoami).bearer_auth(&token)).await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_socket_asks_for_no_token_and_is_ours_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path()).await;
    let path = server.socket.clone().expect("a local socket");
    let mode = std::fs::metadata(&path).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, me) = json(local(&server).get("http://local/api/v1/whoami")).await;
    assert_eq!(
        (status, &me["local"], &me["role"]),
        (200, &Value::Bool(true), &Value::from("admin"))
    );
    server.stop().await;
    assert!(!path.exists(), "a stopped server leaves no socket behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_does_not_hinder_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    server(dir.path()).await.stop().await;
    let socket = dir.path().join("data/tidegate.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket nobody listens at"));
    let server = server(dir.path()).await;
    assert_eq!(json(local(&server).get("http://local/api/v1/whoami")).await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_or_address_is_told_why_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = server(dir.path()).await;
    let error = started(dir.path()).await.expect_err("one server a directory");
    assert!(matches!(error, ServerError::Store(StoreError::InUse { .. })), "{error}");

    let config = Config { api: first.api, ..Config::loopback(dir.path().join("other")) };
    let error = start(&config, Arc::new(SystemClock::default())).await.expect_err("one an address");
    assert_eq!(error.to_string(), format!("cannot listen on {}", first.api));
    // Nothing of the failed start holds the directory.
    let config = Config::loopback(dir.path().join("other"));
    let second = start(&config, Arc::new(SystemClock::default())).await.expect("a second server");
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_held_polls_and_streams_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path()).await;
    let token = server.first_token.clone().expect("a first token");
    let plans = format!("http://{}/api/v1/plans", server.api);
    let (status, _) = json(client().post(&plans).bearer_auth(&token).body(PLAN)).await;
    assert_eq!(status, 201);
    let poll = format!("http://{}/pull/v1/splits/shop?node=a&boot=1", server.providers);
    let (status, split) = json(client().get(&poll).bearer_auth(&token)).await;
    assert_eq!((status, &split["baseline"]), (200, &Value::from("v1")));

    let have = format!("{poll}&have={}", split["generation"]);
    let held = tokio::spawn(json(client().get(&have).bearer_auth(&token)));
    let events = format!("http://{}/api/v1/events", server.api);
    let stream = client().get(&events).bearer_auth(&token).send().await.expect("a stream");
    acknowledged(&server, &split["generation"]).await;
    let stopping = tokio::time::timeout(Duration::from_secs(4), server.stop());
    stopping.await.expect("a stop that waits for nobody's patience");
    stream.text().await.expect("an end of the stream");
    assert_eq!(held.await.expect("an answer").0, 503);
}

/// Waits for the poll that says so: it is held from then on.
async fn acknowledged(server: &Server, generation: &Value) {
    let route = Name::new("shop").expect("a name");
    let seen = || {
        let instances = server.service.feed().instances(&route);
        instances.first().is_some_and(|i| generation.as_i64() == Some(i.acknowledged.0))
    };
    let wait = async {
        while !seen() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("an acknowledgement");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_sensible_harms_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path()).await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n"] {
        let mut stream = tokio::net::TcpStream::connect(server.api).await.expect("a connection");
        stream.write_all(garbage).await.expect("written");
        stream.shutdown().await.expect("done");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    let health = format!("http://{}/healthz", server.api);
    assert_eq!(json(client().get(&health)).await.0, 200);
    server.stop().await;
}
