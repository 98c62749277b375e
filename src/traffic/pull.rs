//! The split as one small JSON document, for any program that can ask over HTTP.
//!
//! Owns: `GET /pull/v1/splits/{route}` and the document's form.
//! Does not: hold or acknowledge by itself; the feed does.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::desk::{Asking, Desk, Problem};
use super::split::Wished;
use crate::domain::{Generation, Override, Share, Side, Weight};
use crate::flags::HASH;
use crate::plan::Splitter;

/// A unit belongs to the canary when its bucket is below `canary_ppm`; see [`crate::flags::bucket`].
#[derive(Debug, Serialize)]
struct Document<'a> {
    route: &'a str,
    /// Send it as `have` once the split is in force: that is the acknowledgement.
    generation: Generation,
    sides: [&'a str; 2],
    serving: &'a str,
    /// The second side's share, 0 to 1,000,000.
    share_ppm: Share,
    /// The second side's share to start with when nobody answers.
    settled_ppm: Share,
    /// The idle side's share.
    canary_ppm: Weight,
    /// Those with a share of their own: whoever has the attribute with this value gets it, whatever the route's is.
    segments: Vec<SegmentShare<'a>>,
    baseline: Option<&'a str>,
    canary: Option<&'a str>,
    hash: &'static str,
    salt: &'a str,
    unit: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct SegmentShare<'a> {
    attribute: &'a str,
    value: &'a str,
    /// The second side's.
    share_ppm: Share,
    /// The idle side's.
    canary_ppm: Weight,
}

impl<'a> Document<'a> {
    fn of(wished: &'a Wished) -> Self {
        let sides = sides(&wished.splitter);
        Self {
            route: wished.route.as_str(),
            generation: wished.generation,
            sides,
            serving: sides[wished.serving.index()],
            share_ppm: wished.share,
            settled_ppm: wished.settled(),
            canary_ppm: wished.idle_weight(),
            segments: wished.overrides.iter().map(|own| segment(wished, own)).collect(),
            baseline: wished.baseline_label(),
            canary: wished.canary_label(),
            hash: HASH,
            salt: &wished.salt,
            unit: unit(&wished.splitter),
        }
    }
}

fn segment<'a>(wished: &Wished, own: &'a Override) -> SegmentShare<'a> {
    SegmentShare {
        attribute: &own.segment.attribute,
        value: &own.segment.value,
        share_ppm: own.share,
        canary_ppm: wished.exposure(own.share),
    }
}

fn sides(splitter: &Splitter) -> [&str; 2] {
    match splitter {
        Splitter::Haproxy { sides, .. } => [&sides[0], &sides[1]],
        Splitter::Pull { .. } | Splitter::Flag { .. } | Splitter::Observe => [Side::A, Side::B]
            .map(|side| match side {
                Side::A => "a",
                Side::B => "b",
            }),
    }
}

fn unit(splitter: &Splitter) -> Option<&str> {
    match splitter {
        Splitter::Pull { unit, .. } => unit.as_deref(),
        Splitter::Flag { unit, .. } => Some(unit),
        Splitter::Haproxy { .. } | Splitter::Observe => None,
    }
}

pub(super) fn router(desk: Desk) -> Router {
    Router::new().route("/pull/v1/splits/{route}", get(split)).with_state(desk)
}

async fn split(
    State(desk): State<Desk>,
    Path(route): Path<String>,
    asking: Asking,
) -> Result<Response, Problem> {
    let Some(wished) = desk.ask(&route, asking).await? else {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, axum::Json(Document::of(&wished))).into_response())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::Request;

    use super::super::feed::Feed;
    use super::super::testing::{
        OneToken, TOKEN, call, feed_of, get, name, own, search_flag, shop,
    };
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Timestamp;

    const ASK: &str = "/pull/v1/splits/shop?node=a&boot=1&wait=0";

    fn served(feed: &Feed) -> Router {
        router(Desk { feed: feed.clone(), auth: Arc::new(OneToken) })
    }

    #[tokio::test]
    async fn the_document_says_all_a_program_needs() {
        let feed = feed_of(Wished { serving: Side::B, splitter: search_flag(), ..shop(7, 75) });
        assert_eq!(
            get(&served(&feed), ASK).await,
            "200\napplication/json\n\
             {\"route\":\"shop\",\"generation\":7,\"sides\":[\"a\",\"b\"],\"serving\":\"b\",\
             \"share_ppm\":750000,\"settled_ppm\":1000000,\"canary_ppm\":250000,\"segments\":[],\
             \"baseline\":\"v2\",\"canary\":\"v1\",\"hash\":\"xxh3-v1\",\"salt\":\"shop\",\"unit\":\"user_id\"}"
        );
    }

    #[tokio::test]
    async fn a_segment_kept_apart_is_told_with_its_own_share() {
        let splitter = Splitter::Pull { instances: 1, unit: None };
        let overrides = vec![own("platform", "ios", 0)];
        let wished = Wished { splitter, overrides, ..shop(3, 50) };
        let answer = get(&served(&feed_of(wished)), ASK).await;
        let told = "\"canary_ppm\":500000,\"segments\":[{\"attribute\":\"platform\",\"value\":\"ios\",\
                    \"share_ppm\":0,\"canary_ppm\":0}],";
        assert!(answer.contains(told), "{answer}");
    }

    #[tokio::test]
    async fn who_has_the_newest_is_told_nothing() {
        let feed = feed_of(shop(7, 50));
        assert_eq!(get(&served(&feed), &format!("{ASK}&have=7&share=500000")).await, "304\n-\n");
    }

    #[tokio::test]
    async fn only_the_port_of_the_metrics_is_the_callers_word() {
        let feed = feed_of(shop(7, 50));
        get(&served(&feed), &format!("{ASK}&metrics_port=8405")).await;
        let metrics = feed.instances(&name("shop"))[0].metrics.clone();
        assert_eq!(metrics.as_deref(), Some("http://10.0.0.7:8405/metrics"));
    }

    #[track_caller]
    fn problem(answer: &str, status: u16, detail: &str) {
        let kind = format!("{status}\napplication/problem+json\n");
        assert!(answer.starts_with(&kind) && answer.contains(detail), "{answer}");
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_named_and_recorded_nowhere() {
        let feed = feed_of(shop(7, 50));
        let router = served(&feed);
        let rows = [
            ("/pull/v1/splits/shop?boot=1", 400, "`node` must be"),
            ("/pull/v1/splits/shop?node=a", 400, "`boot` must be"),
            ("/pull/v1/splits/shop?node=a%0ab&boot=1", 400, "`node` must be"),
            ("/pull/v1/splits/shop?node=a&boot=1&have=x", 400, "`have` is not a number"),
            ("/pull/v1/splits/shop?node=a&boot=1&share=1000001", 400, "0 to 1000000"),
            ("/pull/v1/splits/shop?node=a&boot=1&metrics_port=70000", 400, "`metrics_port`"),
            ("/pull/v1/splits/nope?node=a&boot=1", 404, "no route `nope`"),
            ("/pull/v1/splits/%2e%2e?node=a&boot=1", 404, "no route"),
        ];
        for (uri, status, detail) in rows {
            problem(&get(&router, uri).await, status, detail);
        }
        assert_eq!(feed.instances(&name("shop")), []);
    }

    #[tokio::test]
    async fn without_a_good_token_nothing_is_acknowledged() {
        let feed = feed_of(shop(7, 50));
        for token in ["", "Bearer wrong", "Basic secret", TOKEN] {
            let request = Request::get(ASK).header("authorization", token);
            let answer = call(&served(&feed), request.body(Body::empty()).unwrap()).await;
            problem(&answer, 401, "send a token");
        }
        assert_eq!(feed.instances(&name("shop")), []);
    }

    #[tokio::test]
    async fn before_all_routes_are_known_none_is_unknown() {
        let clock = ManualClock::new(Timestamp::from_micros(1));
        let feed = Feed::new(Arc::new(clock), Vec::new());
        problem(&get(&served(&feed), ASK).await, 503, "starting");
    }
}
