//! The built-in flag service: OFREP, single evaluation.
//!
//! Owns: `POST /ofrep/v1/evaluate/flags/{key}` as real clients need it: always a variant, a reason and a value, and
//! details with every error.
//! Does not: limit how often it is asked: a client that gets a 429 pauses every flag it has.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::desk::{Desk, ProviderAuth, token};
use super::feed::Feed;
use super::split::Wished;
use crate::domain::{Arm, Name};
use crate::flags::{HASH, Split, evaluate, own_share};
use crate::plan::Splitter;

/// A context is a few attributes of one user.
const BODY_LIMIT: usize = 64 * 1024;

#[derive(Debug, Serialize)]
struct Evaluated<'a> {
    key: &'a str,
    reason: String,
    variant: &'a str,
    value: &'a str,
    metadata: Metadata<'a>,
}

/// Flat, and the same until the flag changes: clients drop nested values and compare the rest.
#[derive(Debug, Serialize)]
struct Metadata<'a> {
    route: &'a str,
    hash: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    key: &'a str,
    error_code: &'static str,
    error_details: String,
}

#[derive(Debug, Default, Deserialize)]
struct Request {
    #[serde(default)]
    context: Option<Value>,
}

/// `auth` is asked with the token a client sent, or with `None`: whether flags need one is its decision.
pub fn router(feed: Feed, auth: Arc<dyn ProviderAuth>) -> Router {
    Router::new()
        .route("/ofrep/v1/evaluate/flags/{*key}", post(one))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Desk { feed, auth })
}

async fn one(
    State(desk): State<Desk>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !desk.auth.allows(token(&headers).as_deref()).await {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !desk.feed.is_loaded() {
        let details = "the flags are being loaded; ask again".to_owned();
        return fail(StatusCode::SERVICE_UNAVAILABLE, &key, "PROVIDER_NOT_READY", details);
    }
    let context = match body.map_err(|e| (e.status(), e.body_text())) {
        Ok(body) => context(&body),
        Err((status, details)) => return fail(status, &key, "GENERAL", details),
    };
    match context {
        Ok(context) => answer(&desk.feed, &key, &context),
        Err((code, details)) => fail(StatusCode::BAD_REQUEST, &key, code, details),
    }
}

fn answer(feed: &Feed, key: &str, context: &Map<String, Value>) -> Response {
    let flags = feed.flags();
    let Some(wished) = Name::new(key).ok().and_then(|name| flags.get(&name)) else {
        let details = format!("there is no flag `{key}`");
        return fail(StatusCode::NOT_FOUND, key, "FLAG_NOT_FOUND", details);
    };
    let own = own_share(&wished.overrides, |name| attribute(context, name));
    let own = own.map(|own| wished.exposure(own.share));
    let split = Split { weight: wished.idle_weight(), own, salt: &wished.salt };
    let found = evaluate(split, unit(wished, context).as_deref());
    let variant = match found.arm {
        Arm::Baseline => wished.baseline_label().unwrap_or("baseline"),
        Arm::Canary => wished.canary_label().unwrap_or("canary"),
    };
    let metadata = Metadata { route: wished.route.as_str(), hash: HASH };
    let reason = found.why.to_string();
    axum::Json(Evaluated { key, reason, variant, value: variant, metadata }).into_response()
}

/// Clients often send no body, or one without a context: both mean that nothing is known of the user.
fn context(body: &[u8]) -> Result<Map<String, Value>, (&'static str, String)> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let request: Request =
        serde_json::from_slice(body).map_err(|e| ("PARSE_ERROR", format!("the body: {e}")))?;
    match request.context {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(context)) => Ok(context),
        Some(_) => Err(("INVALID_CONTEXT", "`context` must be an object".to_owned())),
    }
}

/// What is bucketed: the route's attribute, or the targeting key where the context has none.
fn unit(wished: &Wished, context: &Map<String, Value>) -> Option<String> {
    let named = match &wished.splitter {
        Splitter::Flag { unit, .. } => text(context, unit),
        Splitter::Haproxy { .. } | Splitter::Pull { .. } | Splitter::Observe => None,
    };
    named.or_else(|| text(context, "targetingKey"))
}

fn text(context: &Map<String, Value>, name: &str) -> Option<String> {
    match context.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `beta: true` is a segment, and no unit.
fn attribute(context: &Map<String, Value>, name: &str) -> Option<String> {
    let word = || context.get(name).and_then(Value::as_bool).map(|yes| yes.to_string());
    text(context, name).or_else(word)
}

fn fail(
    status: StatusCode,
    key: &str,
    error_code: &'static str,
    error_details: String,
) -> Response {
    (status, axum::Json(Failure { key, error_code, error_details })).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::super::testing::{OneToken, TOKEN, call, feed_of, own, search_flag, shop};
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::{Side, Timestamp};

    fn flag(percent: u32) -> Feed {
        feed_of(Wished { splitter: search_flag(), ..shop(3, percent) })
    }

    async fn evaluate(feed: &Feed, key: &str, body: impl Into<Body>) -> String {
        let router = router(feed.clone(), Arc::new(OneToken));
        let uri = format!("/ofrep/v1/evaluate/flags/{key}");
        let request = axum::http::Request::post(uri).header("x-api-key", TOKEN);
        call(&router, request.body(body.into()).unwrap()).await
    }

    /// What a client learns: status, variant and reason, or the error's code.
    #[track_caller]
    fn check(answer: &str, expect: &str) {
        let (status, rest) = answer.split_once('\n').unwrap();
        let (kind, body) = rest.split_once('\n').unwrap();
        assert_eq!(kind, "application/json", "{answer}");
        let body: Value = serde_json::from_str(body).unwrap();
        let word = |field: &str| body[field].as_str().map(str::to_owned);
        let found = match word("errorCode") {
            Some(code) => {
                assert!(word("errorDetails").is_some() && word("key").is_some(), "{answer}");
                code
            }
            None => {
                assert_eq!(body["value"], body["variant"], "{answer}");
                format!("{} {}", word("variant").unwrap(), word("reason").unwrap())
            }
        };
        assert_eq!(format!("{status} {found}"), expect);
    }

    #[tokio::test]
    async fn an_answer_holds_all_that_clients_choke_on_without() {
        let answer = evaluate(&flag(50), "search-v2", r#"{"context":{"user_id":"u1"}}"#).await;
        assert_eq!(
            answer,
            "200\napplication/json\n{\"key\":\"search-v2\",\"reason\":\"SPLIT\",\"variant\":\"v2\",\
             \"value\":\"v2\",\"metadata\":{\"route\":\"shop\",\"hash\":\"xxh3-v1\"}}"
        );
    }

    #[tokio::test]
    async fn a_missing_unit_gets_the_baseline() {
        let feed = flag(99);
        for body in ["", "{}", "{\"context\":null}", "{\"context\":{\"user_id\":\"\"}}"] {
            check(&evaluate(&feed, "search-v2", body).await, "200 v1 DEFAULT");
        }
        check(&evaluate(&flag(100), "search-v2", "").await, "200 v2 STATIC");
        check(&evaluate(&flag(0), "search-v2", "").await, "200 v1 STATIC");
    }

    #[tokio::test]
    async fn the_routes_own_attribute_comes_before_the_targeting_key() {
        let feed = flag(50);
        let answer = async |context: &str| {
            evaluate(&feed, "search-v2", format!("{{\"context\":{context}}}")).await
        };
        let rows = [
            (r#"{"user_id":"u2"}"#, "200 v1 SPLIT"),
            (r#"{"user_id":"u1"}"#, "200 v2 SPLIT"),
            (r#"{"user_id":"u1","targetingKey":"u2"}"#, "200 v2 SPLIT"),
            (r#"{"targetingKey":"u1"}"#, "200 v2 SPLIT"),
            (r#"{"user_id":true,"targetingKey":"u1"}"#, "200 v2 SPLIT"),
        ];
        for (context, expect) in rows {
            check(&answer(context).await, expect);
        }
        assert_eq!(answer(r#"{"user_id":42}"#).await, answer(r#"{"user_id":"42"}"#).await);
    }

    #[tokio::test]
    async fn an_arm_without_a_label_is_called_what_it_is() {
        let labels = [None, None];
        let feed = feed_of(Wished { splitter: search_flag(), labels, ..shop(3, 100) });
        check(&evaluate(&feed, "search-v2", "").await, "200 canary STATIC");
    }

    #[tokio::test]
    async fn a_cut_segment_gets_the_baseline() {
        let cut = |serving| {
            let overrides = vec![own("platform", "ios", 0), own("beta", "true", 0)];
            let splitter = search_flag();
            feed_of(Wished { splitter, overrides, serving, ..shop(3, 100) })
        };
        let rows = [
            (r#"{"user_id":"u1","platform":"ios"}"#, "200 v1 TARGETING_MATCH"),
            (r#"{"platform":"ios"}"#, "200 v1 TARGETING_MATCH"),
            (r#"{"user_id":"u1","beta":true}"#, "200 v1 TARGETING_MATCH"),
            (r#"{"user_id":"u1","platform":"android"}"#, "200 v2 STATIC"),
            (r#"{"user_id":"u1"}"#, "200 v2 STATIC"),
        ];
        for (context, expect) in rows {
            // A rollout that completes swaps the sides, and moves nobody.
            for serving in [Side::A, Side::B] {
                let body = format!("{{\"context\":{context}}}");
                check(&evaluate(&cut(serving), "search-v2", body).await, expect);
            }
        }
    }

    #[tokio::test]
    async fn every_error_says_which_and_why() {
        let feed = flag(50);
        check(&evaluate(&feed, "nope", "{}").await, "404 FLAG_NOT_FOUND");
        check(&evaluate(&feed, "shop", "{}").await, "404 FLAG_NOT_FOUND");
        check(&evaluate(&feed, "a/b%20c%25", "{}").await, "404 FLAG_NOT_FOUND");
        check(&evaluate(&feed, "search-v2", "{").await, "400 PARSE_ERROR");
        check(&evaluate(&feed, "search-v2", "{\"context\":[]}").await, "400 INVALID_CONTEXT");
        check(&evaluate(&feed, "search-v2", "[".repeat(60_000)).await, "400 PARSE_ERROR");
        check(&evaluate(&feed, "search-v2", vec![b' '; BODY_LIMIT + 1]).await, "413 GENERAL");
        let clock = ManualClock::new(Timestamp::from_micros(1));
        let starting = Feed::new(Arc::new(clock), Vec::new());
        check(&evaluate(&starting, "search-v2", "{}").await, "503 PROVIDER_NOT_READY");
    }

    #[tokio::test]
    async fn a_bad_token_is_told_nothing() {
        let router = router(flag(50), Arc::new(OneToken));
        let request = axum::http::Request::post("/ofrep/v1/evaluate/flags/search-v2");
        assert_eq!(call(&router, request.body(Body::empty()).unwrap()).await, "401\n-\n");
    }
}
