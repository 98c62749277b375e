//! Changes as they happen.

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{PATIENCE, Role, World};

/// A stream of events, read as far as a test needs.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(world: &World, request: Request<Body>) -> Self {
        let response = world.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next block of lines; `None` at the stream's end.
    async fn next(&mut self) -> Option<String> {
        let read = async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let block = block.to_owned();
                    self.text = rest.to_owned();
                    return Some(block);
                }
                let bytes = self.body.next().await?.expect("bytes");
                self.text.push_str(std::str::from_utf8(&bytes).expect("text"));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an event in time")
    }

    async fn kind(&mut self, kind: &str) -> (String, Value) {
        loop {
            let block = self.next().await.expect("an event");
            let field =
                |name: &str| block.lines().find_map(|l| l.strip_prefix(name).map(str::to_owned));
            let Some(data) = field("data: ").filter(|data| data.starts_with('{')) else { continue };
            let data: Value = serde_json::from_str(&data).expect("JSON");
            assert_eq!(field("event: ").as_deref(), Some("change"));
            if data["kind"] == kind {
                return (field("id: ").expect("an id"), data);
            }
        }
    }
}

fn events(world: &World, query: &str) -> Request<Body> {
    world.request(Method::GET, &format!("/api/v1/events?{query}"), Role::Viewer, "")
}

async fn pause(world: &World) {
    world.post("/api/v1/rollouts/shop/pause", Role::Operator, "{}").await.is(200);
}

#[tokio::test]
async fn a_change_arrives_with_its_data_and_the_stream_ends_with_the_server() {
    let world = World::with_rollout().await;
    let mut stream = Stream::open(&world, events(&world, "rollout=shop&looks=false")).await;
    pause(&world).await;
    let (_, data) = stream.kind("paused").await;
    assert_eq!((&data["rollout"], &data["phase"]), (&json!("shop#1"), &json!("paused")));
    world.stop.send_replace(true);
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn who_comes_back_gets_what_they_missed() {
    let world = World::with_rollout().await;
    let mut stream = Stream::open(&world, events(&world, "rollout=shop%231")).await;
    pause(&world).await;
    let (id, _) = stream.kind("paused").await;
    drop(stream);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.post("/api/v1/rollouts/shop/resume", Role::Operator, "{}").await.is(200);
    let mut request = events(&world, "rollout=shop%231");
    request.headers_mut().insert("last-event-id", id.parse().expect("an id"));
    let mut stream = Stream::open(&world, request).await;
    let (_, data) = stream.kind("resumed").await;
    assert_eq!(data["phase"], "baking");

    let mut request = events(&world, "");
    request.headers_mut().insert("last-event-id", "1".parse().expect("an id"));
    let mut stream = Stream::open(&world, request).await;
    assert_eq!(stream.next().await.as_deref(), Some(": tidegate"));
    assert!(stream.next().await.is_some_and(|block| block.contains("event: missed")));
}

#[tokio::test]
async fn nothing_of_other_rollouts_is_told_where_one_is_followed() {
    let world = World::with_rollout().await;
    world.get("/api/v1/events?rollout=other").await.problem(404, "not-found");
}
