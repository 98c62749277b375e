//! Idempotency keys: a write that is sent again is answered again, not done again.
//!
//! Owns: `Idempotency-Key` on writes. The answer is kept by caller, method, path and key with a hash of the body.
//! Does not: cover a crash between a write and its remembered answer; names and versions in the store do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::auth::Caller;
use super::problem::{Answer, Refusal};
use crate::store::Answered;

pub const HEADER: &str = "idempotency-key";
/// Characters of a key.
const LONGEST: usize = 200;
/// Of a remembered answer, in bytes; every answer to a write is far smaller.
const LARGEST_ANSWER: usize = 4 << 20;

/// Keys whose first request is still being done.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<HashSet<String>>>);

/// Free again when dropped, however the request ends.
struct Turn {
    under_way: UnderWay,
    key: String,
}

impl UnderWay {
    fn take(&self, key: String) -> Option<Turn> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        free.then(|| Turn { under_way: self.clone(), key })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let keys = &self.under_way.0;
        keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Answers a repeated write from memory.
pub async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    // A new token's text must be kept nowhere.
    let secret = request.uri().path().starts_with("/api/v1/tokens");
    match key(request.headers()) {
        Ok(Some(key)) if !read && !secret => {
            do_once(&api, key, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Ok(_) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > LONGEST {
        let detail = format!("`Idempotency-Key` must be 1 to {LONGEST} printable characters");
        return Err(Refusal::bad_request(detail));
    }
    Ok(Some(text.to_owned()))
}

async fn do_once(api: &Api, key: String, request: Request, next: Next) -> Answer<Response> {
    let store = api.service.store();
    let (parts, body) = request.into_parts();
    let who = parts.extensions.get::<Caller>().map(|c| format!("{:?} {}", c.actor.kind, c.actor));
    let scope = format!("{} {} {}", who.unwrap_or_default(), parts.method, parts.uri.path());
    let body = to_bytes(body, super::LARGEST_BODY).await;
    let body = body.map_err(|_| Refusal::too_large("the body is larger than this server takes"))?;
    let request_hash = hash(parts.uri.query(), &body);
    let Some(_turn) = api.under_way.take(format!("{scope}\n{key}")) else {
        return Err(Refusal::conflict("the same request is being done right now; ask again"));
    };
    if let Some(known) = store.answered(&scope, &key).await? {
        return replay(known, request_hash);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST_ANSWER).await;
    let body = body.map_err(|_| Refusal::unavailable("the answer was lost; ask again"))?;
    if is_final(parts.status) {
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = Answered { request: request_hash, status: parts.status.as_u16(), body: text };
        let at = api.service.now().wall;
        // The write is done: its caller must hear of it even if repeating it would now do it again.
        if let Err(error) = store.remember(&scope, &key, &answer, at).await {
            tracing::warn!(%error, "Could not remember an answer for its idempotency key");
        }
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A refusal for now must not be repeated for a week.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error() && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn replay(known: Answered, request: [u8; 32]) -> Answer<Response> {
    if known.request != request {
        let detail = "this idempotency key was used for another request; choose a new one";
        return Err(Refusal::conflict(detail));
    }
    let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
    let problem = status.is_client_error() || status.is_server_error();
    let kind = if problem { "application/problem+json" } else { "application/json" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true")),
    ];
    Ok((status, headers, known.body).into_response())
}

fn hash(query: Option<&str>, body: &Bytes) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let query = query.unwrap_or_default().as_bytes();
    hasher.update(&(query.len() as u64).to_be_bytes());
    hasher.update(query);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}
