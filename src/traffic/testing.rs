//! What the tests of this module share: a route, its feed, and one call of a router.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use tower::ServiceExt;

use super::desk::ProviderAuth;
use super::feed::Feed;
use super::split::Wished;
use crate::clock::ManualClock;
use crate::domain::{Generation, Name, Override, Segment, Share, Side, Timestamp};
use crate::plan::Splitter;

pub(super) const TOKEN: &str = "secret";

pub(super) struct OneToken;

#[async_trait]
impl ProviderAuth for OneToken {
    async fn allows(&self, token: Option<&str>) -> bool {
        token == Some(TOKEN)
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn share(percent: u32) -> Share {
    Share::from_ppm(percent * 10_000).unwrap()
}

/// Two HAProxies carry it; v1 on side A serves, v2 on side B gets `percent`.
pub(super) fn shop(generation: i64, percent: u32) -> Wished {
    Wished {
        route: name("shop"),
        generation: Generation(generation),
        share: share(percent),
        overrides: Vec::new(),
        serving: Side::A,
        labels: [Some("v1".to_owned()), Some("v2".to_owned())],
        splitter: Splitter::Haproxy { instances: 2, sides: ["old".to_owned(), "new".to_owned()] },
        salt: "shop".to_owned(),
        holder: Some("shop#1".parse().unwrap()),
        yields: false,
    }
}

/// A segment with `percent` of side B, since generation 3.
pub(super) fn own(attribute: &str, value: &str, percent: u32) -> Override {
    let segment = Segment { attribute: attribute.to_owned(), value: value.to_owned() };
    Override { segment, share: share(percent), since: Generation(3) }
}

pub(super) fn search_flag() -> Splitter {
    Splitter::Flag { flag: name("search-v2"), unit: "user_id".to_owned() }
}

/// A loaded feed that knows one route.
pub(super) fn feed_of(wished: Wished) -> Feed {
    let feed = Feed::new(Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000))), Vec::new());
    feed.publish(wished);
    feed.loaded();
    feed
}

/// Status, content type and body, each on a line of its own; the caller is at 10.0.0.7.
pub(super) async fn call(router: &Router, mut request: Request<Body>) -> String {
    let peer = std::net::SocketAddr::from(([10, 0, 0, 7], 40_000));
    request.extensions_mut().insert(ConnectInfo(peer));
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map_or("-", |kind| kind.to_str().unwrap());
    let kind = kind.to_owned();
    let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
    format!("{status}\n{kind}\n{}", String::from_utf8(body.to_vec()).unwrap())
}

/// Asks with the right token.
pub(super) async fn get(router: &Router, uri: &str) -> String {
    let request = Request::get(uri).header("authorization", format!("Bearer {TOKEN}"));
    call(router, request.body(Body::empty()).unwrap()).await
}
