//! What handlers take from a request; whatever does not fit is a problem, never a plain text or a panic.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Refusal;
use crate::domain::Name;

/// A JSON body; an empty one reads as `{}`.
#[derive(Debug)]
pub struct Sent<T>(pub T);

/// The body as it came.
#[derive(Debug)]
pub struct Raw(pub Bytes);

/// Parts of the path, percent-decoded.
#[derive(Debug)]
pub struct Named<T>(pub T);

/// The query.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::too_large("the body is larger than this server takes")
            }
            _ => Refusal::bad_request(rejection.body_text()),
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Raw(body) = Raw::from_request(request, state).await?;
        json(&body).map(Self)
    }
}

/// Reads a body that was buffered before.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let text = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|e| Refusal::bad_request(format!("the body: {e}")))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| Self(path)).map_err(|e| Refusal::bad_request(e.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(query)| Self(query)).map_err(|e| Refusal::bad_request(e.body_text()))
    }
}

/// A plan's or route's name from the path: what is no name is not there.
pub fn name(what: &str, text: &str) -> Result<Name, Refusal> {
    Name::new(text).map_err(|e| Refusal::not_found(format!("there is no {what} of that name: {e}")))
}
